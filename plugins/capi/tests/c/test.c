/* What a program in C may do to the library, and what it must not be able to. Built with AddressSanitizer and run by tests/c.rs; its argument is a
 * folder with stormtag.toml and feed.txt, in which it may write. */
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stormtag.h"

#define CHECK(condition)                                                                              \
    do {                                                                                              \
        if (!(condition)) {                                                                           \
            fprintf(stderr, "%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, stormtag_last_error()); \
            exit(1);                                                                                  \
        }                                                                                             \
    } while (0)
#define OK(call) CHECK((call) == STORMTAG_STATUS_OK)
#define IS(status, call) CHECK((call) == STORMTAG_STATUS_##status)
#define SAYS(text) CHECK(strstr(stormtag_last_error(), text) != NULL)

static char path[4096], feed[4096];

/* Never half of it: somebody watches. */
static void write_file(const char *name, const char *text) {
    char new[5000];
    snprintf(new, sizeof new, "%s.new", name);
    FILE *file = fopen(new, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && rename(new, name) == 0);
}

static int is(stormtag_text text, const char *expected) {
    return text.data != NULL && text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

static const char *line = "{\"ts\":1705081509,\"query\":\"www.evil.example\",\"n\":1.50}";

static void contains(const char *out, size_t length, const char *part) {
    char *copy = malloc(length + 1);
    memcpy(copy, out, length);
    copy[length] = 0;
    CHECK(strstr(copy, part) != NULL);
    free(copy);
}

static void enriches(stormtag_worker *worker) {
    const char *out;
    size_t length, matched;
    OK(stormtag_enrich_json(worker, line, strlen(line), &out, &length, &matched));
    CHECK(matched == 1 && length > strlen(line));
    contains(out, length, "\"n\":1.50,\"threat\":{");
    /* What is no event comes out as it went in. */
    OK(stormtag_enrich_json(worker, "not JSON \xff", 10, &out, &length, NULL));
    CHECK(length == 10 && memcmp(out, "not JSON \xff", 10) == 0);
    OK(stormtag_enrich_json(worker, NULL, 0, &out, &length, &matched));
    CHECK(length == 0 && matched == 0 && out != NULL);
    OK(stormtag_enrich_lines(worker, "{\"query\":\"evil.example\"}\n{}\n?\n", 30, &out, &length, &matched));
    CHECK(matched == 1);
    contains(out, length, "\n{}\n?\n");
    const char *raw = "<38>1 2024-01-12T17:45:09Z gw sshd 9 - - lookup of http://www.evil.example/ failed";
    OK(stormtag_enrich_text(worker, raw, strlen(raw), &out, &length, &matched));
    CHECK(matched == 1);
    contains(out, length, "{\"@timestamp\":\"2024-01-12T17:45:09Z\",\"message\":\"<38>1 ");
}

static void finds(stormtag_worker *worker) {
    const stormtag_found *found;
    OK(stormtag_look_up(worker, "domain", "a.evil.example", 14, &found));
    CHECK(found->sighting_count == 1 && found->attribution_count == 0 && found->time == INT64_MIN);
    const stormtag_match *match = found->sightings[0].matches;
    CHECK(is(match->indicator, "evil.example") && is(match->source, "sample") && match->confidence == 70);
    CHECK(match->role.data == NULL && match->valid_until == INT64_MIN && match->judgement == STORMTAG_JUDGEMENT_COUNTS);
    CHECK(match->actors.count == 1 && is(match->actors.texts[0], "Volt Typhoon"));
    OK(stormtag_look_up(worker, "domain", "good.example", 12, &found));
    CHECK(found->sighting_count == 0 && found->sightings == NULL && found->located_count == 0);
    IS(NOT_A_VALUE, stormtag_look_up(worker, "ip", "localhost", 9, &found));
    CHECK(found == NULL);
    IS(INVALID, stormtag_look_up(worker, "shoe", "42", 2, &found));
    SAYS("\"shoe\" is no kind of value");
    IS(INVALID, stormtag_look_up(worker, "domain", "\xff\xfe", 2, &found));
    SAYS("no UTF-8");

    OK(stormtag_find_json(worker, line, strlen(line), &found));
    CHECK(found->sighting_count == 1 && found->time == 1705081509 && is(found->sightings[0].field, "query"));
    CHECK(is(found->sightings[0].value, "www.evil.example") && is(found->sightings[0].kind, "domain"));
    const stormtag_attribution *actor = found->attributions;
    CHECK(found->attribution_count == 1 && is(actor->name, "Volt Typhoon") && is(actor->id, "G1017"));
    CHECK(actor->is_leading && !actor->is_campaign && actor->score > 0 && actor->evidence_count == 1);
    const stormtag_evidence *evidence = actor->evidence;
    double product = evidence->confidence * evidence->weight * evidence->freshness * evidence->share * evidence->specificity *
                     evidence->agreement * evidence->context;
    CHECK(fabs(evidence->strength - product) < 1e-9 && evidence->sighting == 0);
    IS(NOT_JSON, stormtag_find_json(worker, "{\"a\":", 5, &found));
    SAYS("line 1 column 5");
    CHECK(found == NULL);
    OK(stormtag_find_text(worker, "from http://evil.example/ to", 28, &found));
    CHECK(found->sighting_count == 1 && is(found->sightings[0].field, "message"));
}

/* What came out of a worker goes in again: as a line it is refused, else it is read before it is written over. */
static void takes_what_it_gave(stormtag_worker *worker) {
    const char *out;
    size_t length, count;
    OK(stormtag_enrich_json(worker, line, strlen(line), &out, &length, NULL));
    const char *given = out;
    IS(INVALID, stormtag_enrich_json(worker, given, length, &out, &length, NULL));
    SAYS("copy it first");
    IS(INVALID, stormtag_enrich_lines(worker, given + 1, 1, &out, &length, NULL));
    CHECK(out == given && memcmp(out, line, 10) == 0);
    const stormtag_found *found;
    OK(stormtag_find_json(worker, given, length, &found));
    for (int round = 0; round < 3; round++) {
        stormtag_text value = found->sightings[0].value;
        OK(stormtag_look_up(worker, "domain", value.data, value.length, &found));
        CHECK(found->sighting_count == 1 && is(found->sightings[0].value, "www.evil.example"));
    }
    stormtag_value event[] = {{STORMTAG_VALUE_KIND_OBJECT, 1, {0}}, {STORMTAG_VALUE_KIND_TEXT, 5, {0}}, {STORMTAG_VALUE_KIND_TEXT, 0, {0}}};
    const stormtag_value *patch;
    event[1].of.text = "query";
    event[2].of.text = found->sightings[0].value.data;
    event[2].length = found->sightings[0].value.length;
    OK(stormtag_enrich_values(worker, event, 3, &patch, &count, NULL));
    CHECK(count > 10);
    OK(stormtag_enrich_values(worker, patch, count, &patch, &count, NULL));
    OK(stormtag_find_values(worker, event, 3, &found));
    CHECK(found->sighting_count == 1);
}

static stormtag_value text_value(const char *text) {
    stormtag_value value = {STORMTAG_VALUE_KIND_TEXT, strlen(text), {0}};
    value.of.text = text;
    return value;
}

static void takes_values(stormtag_worker *worker) {
    stormtag_value event[] = {{STORMTAG_VALUE_KIND_OBJECT, 2, {0}}, text_value("query"), text_value("evil.example"),
                              text_value("ts"), {STORMTAG_VALUE_KIND_INTEGER, 0, {1705081509}}};
    const stormtag_value *patch;
    size_t count, matched;
    OK(stormtag_enrich_values(worker, event, 5, &patch, &count, &matched));
    CHECK(matched == 1 && count > 10 && patch[0].kind == STORMTAG_VALUE_KIND_OBJECT);
    event[2] = text_value("good.example");
    OK(stormtag_enrich_values(worker, event, 5, &patch, &count, &matched));
    CHECK(matched == 0 && count == 0);
    event[2] = text_value("\xff\xfe.evil.example");
    OK(stormtag_enrich_values(worker, event, 5, &patch, &count, &matched));
    IS(INVALID, stormtag_enrich_values(worker, event, 4, &patch, &count, &matched));
    event[0].length = SIZE_MAX;
    IS(INVALID, stormtag_enrich_values(worker, event, 5, &patch, &count, &matched));
    event[0].length = 2;
    event[4].kind = 99;
    IS(INVALID, stormtag_enrich_values(worker, event, 5, &patch, &count, &matched));
    IS(NULL, stormtag_enrich_values(worker, NULL, 5, &patch, &count, &matched));
}

static void refuses_nonsense(stormtag_config *config, stormtag_worker *worker) {
    const char *out;
    size_t length;
    IS(NULL, stormtag_enrich_json(NULL, line, 5, &out, &length, NULL));
    IS(NULL, stormtag_enrich_json(worker, NULL, 5, &out, &length, NULL));
    IS(NULL, stormtag_enrich_json(worker, line, 5, NULL, &length, NULL));
    IS(NULL, stormtag_enrich_json(worker, line, 5, &out, NULL, NULL));
    IS(INVALID, stormtag_enrich_json(worker, line, (size_t)-5, &out, &length, NULL));
    SAYS("is no length");
    stormtag_config *none;
    IS(NULL, stormtag_open(NULL, &none));
    CHECK(none == NULL);
    IS(NULL, stormtag_open("stormtag.toml", NULL));
    IS(NULL, stormtag_look_up(worker, NULL, "a", 1, (const stormtag_found **)&out));
    IS(NULL, stormtag_counters(worker, NULL));
    /* Handles of the other kind, and what is none. */
    IS(CLOSED, stormtag_worker_close((stormtag_worker *)config));
    IS(CLOSED, stormtag_close((stormtag_config *)worker));
    IS(CLOSED, stormtag_enrich_json((stormtag_worker *)&length, line, 5, &out, &length, NULL));
    IS(CLOSED, stormtag_enrich_json((stormtag_worker *)(uintptr_t)1, line, 5, &out, &length, NULL));
    IS(CLOSED, stormtag_reload((stormtag_config *)(uintptr_t)-8, 0, NULL));
    stormtag_free(NULL);
}

static void wants_a_configuration(void) {
    stormtag_config *config = (stormtag_config *)line;
    char missing[5000];
    snprintf(missing, sizeof missing, "%s.missing", path);
    IS(FAILED, stormtag_open(missing, &config));
    CHECK(config == NULL);
    SAYS("stormtag.toml.missing");
    const char *wrong = "[output]\nshcema = \"native\"\n";
    IS(FAILED, stormtag_parse("a.toml", wrong, strlen(wrong), &config));
    SAYS("a.toml:2: unknown key \"shcema\"");
    IS(INVALID, stormtag_parse("a.toml", "\xff", 1, &config));
    OK(stormtag_parse("a.toml", NULL, 0, &config));
    stormtag_worker *worker;
    OK(stormtag_worker_open(config, &worker));
    OK(stormtag_close(config));
    IS(CLOSED, stormtag_close(config));
    IS(CLOSED, stormtag_worker_open(config, &worker));
    CHECK(worker == NULL);
}

static void reloads(stormtag_config *config, stormtag_worker *worker) {
    stormtag_outcome outcome;
    const stormtag_found *found;
    stormtag_bytes text;
    OK(stormtag_reload(config, 0, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_UNCHANGED);
    write_file(feed, "evil.example\nnew.example\n");
    OK(stormtag_reload(config, 0, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_PUBLISHED);
    OK(stormtag_look_up(worker, "domain", "new.example", 11, &found));
    CHECK(found->sighting_count == 1);
    /* The file is gone: refused, and the last good snapshot stays. */
    CHECK(unlink(feed) == 0);
    IS(REFUSED, stormtag_reload(config, 0, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_FAILED);
    SAYS("feed.txt");
    OK(stormtag_look_up(worker, "domain", "new.example", 11, &found));
    CHECK(found->sighting_count == 1);
    /* So with the configuration itself. */
    write_file(feed, "evil.example\nnew.example\n");
    char gone[5000];
    snprintf(gone, sizeof gone, "%s.gone", path);
    CHECK(rename(path, gone) == 0);
    IS(REFUSED, stormtag_reload(config, 1, &outcome));
    SAYS("stormtag.toml");
    CHECK(rename(gone, path) == 0);
    OK(stormtag_reload(config, 0, &outcome));

    OK(stormtag_report(config, &text));
    CHECK(text.data[0] == '{' && text.data[text.length] == 0 && strstr(text.data, "\"accepted\":{\"domain\":2}") != NULL);
    stormtag_free(&text);
    stormtag_free(&text);
    OK(stormtag_generation(config, &text));
    CHECK(text.length == 32);
    stormtag_free(&text);
    OK(stormtag_counters(worker, &text));
    CHECK(strstr(text.data, "\"not_json\":") != NULL);
    stormtag_free(&text);
}

/* What a full disk leaves of a feed: its beginning, or nothing. The last good snapshot stays, until somebody insists. */
static void keeps_what_a_full_disk_takes(stormtag_config *config, stormtag_worker *worker) {
    static char text[1 << 14];
    size_t at = 0;
    for (int number = 0; number < 300; number++) at += sprintf(text + at, "n%d.evil.example\n", number);
    write_file(feed, text);
    stormtag_outcome outcome;
    const stormtag_found *found;
    OK(stormtag_reload(config, 0, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_PUBLISHED);
    const char *left[] = {"", "n0.evil.example\nn1.ev"};
    for (int cut = 0; cut < 2; cut++) {
        write_file(feed, left[cut]);
        IS(REFUSED, stormtag_reload(config, 0, &outcome));
        CHECK(outcome == STORMTAG_OUTCOME_SHRUNKEN);
        OK(stormtag_look_up(worker, "domain", "n299.evil.example", 17, &found));
        CHECK(found->sighting_count == 1);
    }
    OK(stormtag_reload(config, 1, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_PUBLISHED);
    OK(stormtag_look_up(worker, "domain", "n299.evil.example", 17, &found));
    CHECK(found->sighting_count == 0);
    write_file(feed, "evil.example\nnew.example\n");
    OK(stormtag_reload(config, 1, &outcome));
}

static void watches(stormtag_config *config, stormtag_worker *worker) {
    stormtag_outcome outcome;
    stormtag_bytes text;
    uint64_t lost;
    bool notified;
    IS(NOTHING, stormtag_next_outcome(config, NULL, NULL, NULL));
    OK(stormtag_watch(config));
    OK(stormtag_watch(config));
    OK(stormtag_is_notified(config, &notified));
    write_file(feed, "evil.example\nnew.example\nwatched.example\n");
    OK(stormtag_reload(config, 0, &outcome));
    CHECK(outcome == STORMTAG_OUTCOME_ASKED);
    for (int waited = 0; stormtag_next_outcome(config, &outcome, &text, &lost) == STORMTAG_STATUS_NOTHING; waited++) {
        CHECK(waited < 600 && text.data == NULL && lost == 0);
        usleep(100 * 1000);
    }
    CHECK(outcome == STORMTAG_OUTCOME_PUBLISHED && strstr(text.data, "3 indicators in force") != NULL);
    stormtag_free(&text);
    const stormtag_found *found;
    OK(stormtag_look_up(worker, "domain", "watched.example", 15, &found));
    CHECK(found->sighting_count == 1);
}

/* Threads: one configuration for all, a worker for each; and one that they all try to use. */

static stormtag_config *shared;
static stormtag_worker *contended;
static size_t busy, done;

static void *uses(void *unused) {
    (void)unused;
    stormtag_worker *worker;
    OK(stormtag_worker_open(shared, &worker));
    CHECK(stormtag_last_error()[0] == 0);
    for (int round = 0; round < 2000; round++) {
        const char *out;
        size_t length, matched;
        OK(stormtag_enrich_json(worker, line, strlen(line), &out, &length, &matched));
        CHECK(matched == 1);
        stormtag_status status = stormtag_enrich_lines(contended, line, strlen(line), &out, &length, &matched);
        CHECK(status == STORMTAG_STATUS_OK || status == STORMTAG_STATUS_BUSY);
        __atomic_add_fetch(status == STORMTAG_STATUS_OK ? &done : &busy, 1, __ATOMIC_RELAXED);
    }
    OK(stormtag_worker_close(worker));
    return NULL;
}

static void is_shared(stormtag_config *config) {
    pthread_t threads[4];
    shared = config;
    OK(stormtag_worker_open(config, &contended));
    for (int thread = 0; thread < 4; thread++) CHECK(pthread_create(&threads[thread], NULL, uses, NULL) == 0);
    for (int thread = 0; thread < 4; thread++) CHECK(pthread_join(threads[thread], NULL) == 0);
    CHECK(done > 0 && done + busy == 8000);
    stormtag_bytes text;
    char expected[64];
    OK(stormtag_counters(contended, &text));
    snprintf(expected, sizeof expected, "{\"events\":%zu,", done);
    CHECK(strncmp(text.data, expected, strlen(expected)) == 0);
    stormtag_free(&text);
    OK(stormtag_worker_close(contended));
}

/* A record of 100 MB, and one that is nested too deep: each comes out whole. */
static void takes_large_records(stormtag_worker *worker) {
    size_t size = 100u << 20, length, matched;
    char *record = malloc(size);
    const char *out;
    CHECK(record != NULL);
    memset(record, 'x', size);
    memcpy(record, "{\"query\":\"evil.example\",\"x\":\"", 29);
    memcpy(record + size - 2, "\"}", 2);
    OK(stormtag_enrich_json(worker, record, size, &out, &length, &matched));
    CHECK(matched == 1 && length > size && memcmp(out, record, size - 1) == 0);
    memset(record, '[', size);
    OK(stormtag_enrich_json(worker, record, size, &out, &length, &matched));
    CHECK(matched == 0 && length == size && memcmp(out, record, size) == 0);
    const stormtag_found *found;
    IS(NOT_JSON, stormtag_find_json(worker, record, size, &found));
    free(record);
    enriches(worker);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    snprintf(path, sizeof path, "%s/stormtag.toml", argv[1]);
    snprintf(feed, sizeof feed, "%s/feed.txt", argv[1]);
    CHECK(stormtag_abi_version() == STORMTAG_ABI_VERSION && stormtag_version()[0] != 0);
    CHECK(strcmp(stormtag_status_name(STORMTAG_STATUS_BUSY), "STORMTAG_STATUS_BUSY") == 0);
    CHECK(stormtag_last_error()[0] == 0);
    wants_a_configuration();
    stormtag_config *config;
    stormtag_worker *worker;
    OK(stormtag_open(path, &config));
    OK(stormtag_worker_open(config, &worker));
    enriches(worker);
    finds(worker);
    takes_values(worker);
    takes_what_it_gave(worker);
    refuses_nonsense(config, worker);
    reloads(config, worker);
    keeps_what_a_full_disk_takes(config, worker);
    watches(config, worker);
    is_shared(config);
    takes_large_records(worker);
    /* A worker outlives its configuration. */
    OK(stormtag_close(config));
    int64_t clock = 1705081509;
    OK(stormtag_set_clock(worker, &clock));
    OK(stormtag_set_clock(worker, NULL));
    enriches(worker);
    OK(stormtag_worker_close(worker));
    IS(CLOSED, stormtag_worker_close(worker));
    IS(CLOSED, stormtag_set_clock(worker, NULL));
    puts("all held");
    return 0;
}
