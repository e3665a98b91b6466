/*
 * stormtag: tags log events with indicators of compromise, autonomous system and place, and the campaign and actor behind a match.
 *
 * Written by cbindgen from the source of libstormtag; see README.md beside it for how to begin, and for what a call costs.
 *
 * The rules:
 *
 * - A configuration is opened once, by stormtag_open. Any number of threads may use its handle at the same time.
 * - A worker is opened for each thread, by stormtag_worker_open. It belongs to one thread at a time and may go from one to another. A call
 *   that finds it in use by another thread does nothing and returns STORMTAG_STATUS_BUSY.
 * - A handle that was closed, or any pointer that is none, is answered with STORMTAG_STATUS_CLOSED; handles are never followed. What a
 *   worker gave out must not be read any more once it is closed: nobody can tell that.
 * - Every call returns a status; stormtag_last_error says more, to the thread that made the call. Where the status is not OK, what was asked
 *   for was not written, except where NULL or none is said.
 * - No event is lost: a call reads its input and leaves it as it is. Whatever status comes back, the caller still has the event, and should
 *   pass it on as it was.
 * - A line that is no JSON is no error for stormtag_enrich_json: it comes out as it went in.
 * - What comes out of a worker belongs to it until the next call with it. What is a stormtag_bytes belongs to the caller, for stormtag_free.
 * - Texts are UTF-8, with a length; where a text ends with NUL, it is said.
 * - The library never writes a file, so a full disk is nothing to it; where a file that it reads is cut off, the last good snapshot stays. It
 *   catches its own panics. If the system gives no memory, the process ends.
 */

#ifndef STORMTAG_H
#define STORMTAG_H

/* Written by cbindgen. To change it, change the source, and run: STORMTAG_BLESS=1 cargo test -p stormtag-capi --test header */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The ABI that this header describes.
#define STORMTAG_ABI_VERSION 1

// What became of a call. With every other status than OK, `stormtag_last_error` says more.
typedef enum stormtag_status {
    // Done.
    STORMTAG_STATUS_OK = 0,
    // A pointer that must not be NULL is NULL.
    STORMTAG_STATUS_NULL = 1,
    // A length or a value that cannot be: longer than memory, an event whose values do not add up, a text that is no UTF-8 where
    // one is asked for.
    STORMTAG_STATUS_INVALID = 2,
    // No handle of this kind, or one that was closed.
    STORMTAG_STATUS_CLOSED = 3,
    // The worker is in use by another thread at this moment. Nothing was done.
    STORMTAG_STATUS_BUSY = 4,
    // The configuration, or a file that it names, cannot be used. The message has file and line.
    STORMTAG_STATUS_FAILED = 5,
    // A reload was refused; the last good snapshot stays in use.
    STORMTAG_STATUS_REFUSED = 6,
    // The text is no value of that kind, which is not the same as "nothing known".
    STORMTAG_STATUS_NOT_A_VALUE = 7,
    // The line is no JSON.
    STORMTAG_STATUS_NOT_JSON = 8,
    // There is nothing to be told.
    STORMTAG_STATUS_NOTHING = 9,
    // A fault of the library. It is told in the message, and what was called can be called again.
    STORMTAG_STATUS_PANIC = 10,
} stormtag_status;

// What a look at the files led to.
typedef enum stormtag_outcome {
    // The files hold what they held.
    STORMTAG_OUTCOME_UNCHANGED = 0,
    // A new snapshot is in use; each worker takes it between two events.
    STORMTAG_OUTCOME_PUBLISHED = 1,
    // The files cannot be used. The last good snapshot stays in use.
    STORMTAG_OUTCOME_FAILED = 2,
    // Too many indicators are gone. The last good snapshot stays in use until the files are better, or a reload is forced.
    STORMTAG_OUTCOME_SHRUNKEN = 3,
    // The watching thread looks now, and what comes of it will be among its outcomes.
    STORMTAG_OUTCOME_ASKED = 4,
} stormtag_outcome;

// Whether a record counts.
typedef enum stormtag_judgement {
    // It does.
    STORMTAG_JUDGEMENT_COUNTS = 0,
    // An allow-list silences it.
    STORMTAG_JUDGEMENT_SUPPRESSED = 1,
    // It says that it means nothing any more at the time of the event.
    STORMTAG_JUDGEMENT_EXPIRED = 2,
    // It says that it means nothing yet at the time of the event.
    STORMTAG_JUDGEMENT_NOT_YET_VALID = 3,
} stormtag_judgement;

// What a `stormtag_value` is.
enum stormtag_value_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No value.
    STORMTAG_VALUE_KIND_NULL = 0,
    // `of.integer` is 0 or not.
    STORMTAG_VALUE_KIND_BOOL = 1,
    // `of.integer`.
    STORMTAG_VALUE_KIND_INTEGER = 2,
    // `of.number`.
    STORMTAG_VALUE_KIND_NUMBER = 3,
    // `length` bytes at `of.text`, UTF-8; no NUL is needed behind them, and none counted.
    STORMTAG_VALUE_KIND_TEXT = 4,
    // The next `length` values, each with all that belongs to it, are its elements.
    STORMTAG_VALUE_KIND_ARRAY = 5,
    // The next `length` pairs of a text and a value, each with all that belongs to it, are its members.
    STORMTAG_VALUE_KIND_OBJECT = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum stormtag_value_kind stormtag_value_kind;
#else
typedef uint32_t stormtag_value_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A configuration in force: what it loaded, and what keeps it up to date. Any number of threads may use one at the same time.
typedef struct stormtag_config stormtag_config;

// Enriches events in one thread. Opened of a configuration, it takes new snapshots and settings by itself, between two events.
typedef struct stormtag_worker stormtag_worker;

// A text that belongs to whoever asked for it, until he gives it to `stormtag_free`. A NUL stands behind it, which `length` does not count.
typedef struct stormtag_bytes {
    // UTF-8; NULL: none.
    char *data;
    // In bytes.
    size_t length;
} stormtag_bytes;

// What a value holds. Which one counts is said by its kind.
typedef union stormtag_content {
    // A whole number, or a truth.
    int64_t integer;
    // A number.
    double number;
    // The bytes of a text.
    const char *text;
} stormtag_content;

// A value, or the head of an array or an object, whose content follows. `{"a":[1,"x"]}` is the five values: object of 1, text `a`, array of 2,
// integer 1, text `x`.
typedef struct stormtag_value {
    // A `stormtag_value_kind`.
    uint32_t kind;
    // Bytes of a text, elements of an array, members of an object; else nothing.
    size_t length;
    // The value itself.
    union stormtag_content of;
} stormtag_value;

// A text: UTF-8, `length` bytes, without NUL behind it. `data` is NULL where there is none.
typedef struct stormtag_text {
    // The bytes.
    const char *data;
    // In bytes.
    size_t length;
} stormtag_text;

// Texts, in the order of their source.
typedef struct stormtag_texts {
    // The first; NULL if there is none.
    const struct stormtag_text *texts;
    // How many.
    size_t count;
} stormtag_texts;

// What one source says of a value that was met.
typedef struct stormtag_match {
    // The indicator: the address or the network around it, the name or the one above it, the name of a behaviour.
    struct stormtag_text indicator;
    // Who says it.
    struct stormtag_text source;
    // What the source calls the indicator.
    struct stormtag_text id;
    // What the value served as, in the words of the source.
    struct stormtag_text role;
    // For a person.
    struct stormtag_text description;
    // The report or page that states it.
    struct stormtag_text reference;
    // `low`, `medium`, `high`, `critical`, or none.
    struct stormtag_text severity;
    // `CLEAR`, `GREEN`, `AMBER`, `AMBER+STRICT`, `RED`, or none.
    struct stormtag_text tlp;
    // The allow-list that silences it, if one does.
    struct stormtag_text suppressed_by;
    // An allow-list that knows the value and only says so.
    struct stormtag_text known_as;
    // Campaigns by id or name, as the source spells them; so the others.
    struct stormtag_texts campaigns;
    // Actors.
    struct stormtag_texts actors;
    // Malware families and tools.
    struct stormtag_texts malware;
    // ATT&CK techniques.
    struct stormtag_texts techniques;
    // Whatever labels the source adds.
    struct stormtag_texts tags;
    // Whether it counts, and if not, why.
    enum stormtag_judgement judgement;
    // How sure the source is, 0 to 100.
    uint8_t confidence;
    // It means something from this second on, UTC; `INT64_MIN`: not said. So the others.
    int64_t valid_from;
    // It means nothing from this second on.
    int64_t valid_until;
    // First activity.
    int64_t first_seen;
    // Last activity.
    int64_t last_seen;
} stormtag_match;

// A value of the event that some record covers.
typedef struct stormtag_sighting {
    // The field that holds it, as the field map has it; none where a value was looked up.
    struct stormtag_text field;
    // Where exactly in the event it stands, as `answers[1].data`.
    struct stormtag_text path;
    // What it is: `ip`, `domain`, `url`, `sha256` and so on.
    struct stormtag_text kind;
    // The value in normal form; as it was given where it was looked up.
    struct stormtag_text value;
    // What is said of it, the most specific first. Look at `judgement` before you raise an alarm.
    const struct stormtag_match *matches;
    // How many.
    size_t match_count;
} stormtag_sighting;

// A match that speaks for an attribution, and the factors of which its strength is the product: docs/attribution.md explains them.
typedef struct stormtag_evidence {
    // Which of the sightings it is, counted from 0.
    size_t sighting;
    // The indicator.
    struct stormtag_text indicator;
    // Who says it.
    struct stormtag_text source;
    // The campaign by which it leads to an actor, if it does so.
    struct stormtag_text via;
    // Why many share the indicator, if they do.
    struct stormtag_text shared;
    // 0 to 1.
    double strength;
    // The source's, 0 to 1.
    double confidence;
    // What an indicator of this shape can tell at best, 0 to 1.
    double weight;
    // What is left of it by its age, 0 to 1.
    double freshness;
    // What part of it reaches the subject, 0 to 1.
    double share;
    // What is left because many use the indicator, 0 to 1.
    double specificity;
    // What is left because others say otherwise, 0 to 1.
    double agreement;
    // What the site adds, 1 to 1.25.
    double context;
} stormtag_evidence;

// A campaign or an actor that the matches speak of.
typedef struct stormtag_attribution {
    // The catalogue's id; none if the catalogue does not know it.
    struct stormtag_text id;
    // The name to show.
    struct stormtag_text name;
    // The sum, term by term, for a person.
    struct stormtag_text explanation;
    // Whether it is a campaign; else it is an actor.
    bool is_campaign;
    // Whether it is the actor that the matches speak of more than of any other.
    bool is_leading;
    // How strongly the matches speak for it, 0 to 1. No probability.
    double score;
    // What it rests on, the strongest first; never empty.
    const struct stormtag_evidence *evidence;
    // How many.
    size_t evidence_count;
} stormtag_attribution;

// An address that the databases know.
typedef struct stormtag_located {
    // The field that holds it; none where it was looked up.
    struct stormtag_text field;
    // The address, where it stands in free text; none: it is the value of the field.
    struct stormtag_text address;
    // The entity that it describes, such as `source`.
    struct stormtag_text place;
    // The number of its autonomous system; 0: not known.
    uint32_t asn;
    // Who holds the number.
    struct stormtag_text organization;
    // Two letters.
    struct stormtag_text continent_code;
    // ISO 3166-1 alpha-2.
    struct stormtag_text country_iso_code;
    // In English.
    struct stormtag_text country_name;
    // ISO 3166-2.
    struct stormtag_text region_iso_code;
    // In English.
    struct stormtag_text region_name;
    // In English.
    struct stormtag_text city_name;
    // As written in the country.
    struct stormtag_text postal_code;
    // IANA's name.
    struct stormtag_text time_zone;
    // Degrees, north is positive; not a number: not known.
    double latitude;
    // Degrees, east is positive; not a number: not known.
    double longitude;
    // How it hides who stands behind it: `vpn`, `tor-exit` and so on.
    struct stormtag_texts anonymity;
} stormtag_located;

// What was found in one event, or of one value.
typedef struct stormtag_found {
    // Values that some record covers.
    const struct stormtag_sighting *sightings;
    // How many.
    size_t sighting_count;
    // Whom they speak of, the strongest first. None is an answer, and the most common one.
    const struct stormtag_attribution *attributions;
    // How many.
    size_t attribution_count;
    // Addresses that the databases know.
    const struct stormtag_located *located;
    // How many.
    size_t located_count;
    // When the event happened, in seconds since the epoch, UTC; `INT64_MIN`: not known.
    int64_t time;
} stormtag_found;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI of the library that is loaded. If it is not `STORMTAG_ABI_VERSION`, the program was built with the header of another one.
// It grows when something is no longer as it was; functions that are added do not change it.
uint32_t stormtag_abi_version(void);

// The version of the library, such as `0.1.0`. Never NULL; stays for as long as the library is loaded.
const char *stormtag_version(void);

// Frees a text that a call gave away, and leaves NULL in its place, so that freeing it twice does nothing. NULL is allowed.
//
// # Safety
//
// `text` is NULL or points to a `stormtag_bytes` that a function of this library wrote, or that is all zero; nobody else uses it.
void stormtag_free(struct stormtag_bytes *text);

// Opens a `stormtag.toml`, reads all that it names and makes it ready for workers. `path` ends with NUL.
//
// Returns STORMTAG_STATUS_FAILED if a file cannot be used; the message names file, line and value. Lines of a feed that are no indicator
// are no failure: see `stormtag_report`. Takes as long as reading the files takes, and keeps what it needs to read them again.
//
// # Safety
//
// `path` is NULL or ends with NUL; `config` is NULL or can be written.
enum stormtag_status stormtag_open(const char *path,
                                   struct stormtag_config **config);

// As `stormtag_open`, of a text of `length` bytes in UTF-8. Relative paths in it count from the folder of `name`, which stands in messages.
// The text is not followed when it changes; the files that it names are.
//
// # Safety
//
// `name` is NULL or ends with NUL; `length` bytes can be read at `text`; `config` is NULL or can be written.
enum stormtag_status stormtag_parse(const char *name,
                                    const char *text,
                                    size_t length,
                                    struct stormtag_config **config);

// Closes a configuration, and ends its thread: waits for it, should it be reading files. Workers that were opened of it go on with the
// snapshot that they have, and are closed by themselves.
//
// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
enum stormtag_status stormtag_close(struct stormtag_config *config);

// Looks whether the files have changed, and publishes what they hold if they have. Waits until files rest, two seconds if the
// configuration does not say otherwise, and for a reload in another thread. `force`, if it is not 0, publishes also what has
// shrunk or breaks off.
//
// Returns STORMTAG_STATUS_REFUSED if there was something new that cannot be used: the message says why, and the last good snapshot stays
// in use. `outcome` may be NULL. Of a configuration that is watched the thread is asked to look, and this returns at once.
//
// # Safety
//
// `outcome` is NULL or can be written.
enum stormtag_status stormtag_reload(struct stormtag_config *config,
                                     int force,
                                     enum stormtag_outcome *outcome);

// Starts a thread that looks at the files when the operating system tells of a change, and every minute beside, if the configuration does
// not say otherwise. It ends with `stormtag_close`. Watching what is watched already does nothing.
//
// A process that forks has the thread in the parent alone: open a configuration in each process.
enum stormtag_status stormtag_watch(struct stormtag_config *config);

// What the watching thread came to since it was last asked, one outcome a call, the oldest first: `outcome`, and in `text` what there is to be
// told, for `stormtag_free`. Both may be NULL. Returns STORMTAG_STATUS_NOTHING if there is no more.
//
// Looks that changed nothing are not told, and a refusal once. The last 64 are kept; `lost`, which may be NULL, is the number of those that
// nobody asked for in time, since the configuration was opened.
//
// # Safety
//
// Each of `outcome`, `text` and `lost` is NULL or can be written.
enum stormtag_status stormtag_next_outcome(struct stormtag_config *config,
                                           enum stormtag_outcome *outcome,
                                           struct stormtag_bytes *text,
                                           uint64_t *lost);

// Whether the operating system tells the watching thread of changes in all folders, in `is_notified`. If not, files are only looked at every now
// and then; so it is too where nothing is watched.
//
// # Safety
//
// `is_notified` is NULL or can be written.
enum stormtag_status stormtag_is_notified(struct stormtag_config *config,
                                          bool *is_notified);

// What was used of the files and what was not, with the reasons, as a JSON object in `report`, for `stormtag_free`. It is that of the
// snapshot in use.
//
// # Safety
//
// `report` is NULL or can be written.
enum stormtag_status stormtag_report(struct stormtag_config *config,
                                     struct stormtag_bytes *report);

// Names what is known, the same on each host that knows the same: 32 hexadecimal digits in `generation`, for `stormtag_free`.
//
// # Safety
//
// `generation` is NULL or can be written.
enum stormtag_status stormtag_generation(struct stormtag_config *config,
                                         struct stormtag_bytes *generation);

// What went wrong in the last call of this thread that did not return OK: file, line, value. Empty before the first.
//
// UTF-8, ends with NUL. Belongs to the library and stays until this thread's next call that does not return OK; never NULL.
const char *stormtag_last_error(void);

// The name of a status, such as `STORMTAG_STATUS_BUSY`. Never NULL; stays for as long as the library is loaded.
const char *stormtag_status_name(uint32_t status);

// Opens a worker of a configuration. Opening one reads nothing and takes some microseconds; keep it, its memory pays from event to event.
//
// # Safety
//
// `worker` is NULL or can be written.
enum stormtag_status stormtag_worker_open(struct stormtag_config *config,
                                          struct stormtag_worker **worker);

// Closes a worker, and frees what it gave out. Returns STORMTAG_STATUS_BUSY if another thread uses it; it is open then.
//
// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
enum stormtag_status stormtag_worker_close(struct stormtag_worker *worker);

// Sets the time, in seconds since the epoch, at which events without one of their own are judged. NULL: they are not judged by time, and
// every record counts. Until it is called, the configuration says.
//
// # Safety
//
// `seconds` is NULL or can be read.
enum stormtag_status stormtag_set_clock(struct stormtag_worker *worker,
                                        const int64_t *seconds);

// Enriches one event as JSON: `out` and `out_length` are the line with what was found merged into it. What was there stays byte for byte; a line
// that is no JSON object comes out as it went in, and is counted. `matched`, which may be NULL, is 1 if something matched, else 0.
//
// What comes out belongs to the worker and stays until the next call with it. It does not end with NUL. A line that is what this worker gave out
// is answered with STORMTAG_STATUS_INVALID: copy it, or use another worker.
//
// # Safety
//
// `length` bytes can be read at `line`; each of `out`, `out_length` and `matched` is NULL or can be
// written.
enum stormtag_status stormtag_enrich_json(struct stormtag_worker *worker,
                                          const char *line,
                                          size_t length,
                                          const char **out,
                                          size_t *out_length,
                                          size_t *matched);

// As `stormtag_enrich_json`, of a block of lines: each ends with a line feed, the last one perhaps without. `matched` is the number of lines in
// which something matched. Faster than line by line.
//
// # Safety
//
// As of `stormtag_enrich_json`.
enum stormtag_status stormtag_enrich_lines(struct stormtag_worker *worker,
                                           const char *block,
                                           size_t length,
                                           const char **out,
                                           size_t *out_length,
                                           size_t *matched);

// As `stormtag_enrich_json`, of a line that nobody has parsed, such as syslog or that of an access log: makes a JSON object of it, with the line as
// `message`, its time as `@timestamp` where it tells one, and what was found in it.
//
// # Safety
//
// As of `stormtag_enrich_json`.
enum stormtag_status stormtag_enrich_text(struct stormtag_worker *worker,
                                          const char *line,
                                          size_t length,
                                          const char **out,
                                          size_t *out_length,
                                          size_t *matched);

// Enriches one event that the host has as values of its own, without JSON. `values` are `count` values that follow one another as they are
// written: an object, then each key and its value, and so on down; see `stormtag_value`.
//
// What comes out, `patch` and `patch_count`, are values in the same form: one object with what is to be merged into the event, or
// nothing (`patch_count` is 0), which is the answer to most events. Merge it so: objects merge, arrays take what they do not hold yet, a scalar
// already present stays. It belongs to the worker and stays until the next call with it. `matched` as of `stormtag_enrich_json`.
//
// Returns STORMTAG_STATUS_INVALID, and the event is not counted, if the values do not add up to one object, or are nested deeper than 128.
// Texts that are no UTF-8 are read as if what is none were U+FFFD.
//
// # Safety
//
// `count` values can be read at `values`, and the bytes that they point to; each of `patch`, `patch_count` and `matched` is NULL or can be
// written.
enum stormtag_status stormtag_enrich_values(struct stormtag_worker *worker,
                                            const struct stormtag_value *values,
                                            size_t count,
                                            const struct stormtag_value **patch,
                                            size_t *patch_count,
                                            size_t *matched);

// What is known of one value. `kind` names what it is, such as `ip`, `domain`, `url`, `sha256`, and ends with NUL; `text` has `length`
// bytes. `found` has one sighting, and a location if the databases know the address; it attributes nothing, for that is asked of events.
// Whether a record speaks of the time in question is not judged.
//
// Returns STORMTAG_STATUS_NOT_A_VALUE if the text is no value of that kind. What is found belongs to the worker and stays until its next
// call that finds or looks up something.
//
// # Safety
//
// `kind` is NULL or ends with NUL; `length` bytes can be read at `text`; `found` is NULL or can be written.
enum stormtag_status stormtag_look_up(struct stormtag_worker *worker,
                                      const char *kind,
                                      const char *text,
                                      size_t length,
                                      const struct stormtag_found **found);

// What was found in one event as JSON, field by field, for hosts that raise alarms and not events. Takes longer than `stormtag_enrich_json`,
// for the line is read into a tree.
//
// Returns STORMTAG_STATUS_NOT_JSON if the line is none, with the place. Belongs to the worker and stays until its next call that finds or
// looks up something.
//
// # Safety
//
// `length` bytes can be read at `line`; `found` is NULL or can be written.
enum stormtag_status stormtag_find_json(struct stormtag_worker *worker,
                                        const char *line,
                                        size_t length,
                                        const struct stormtag_found **found);

// As `stormtag_find_json`, of values: see `stormtag_enrich_values`.
//
// # Safety
//
// `count` values can be read at `values`, and the bytes that they point to; `found` is NULL or can be written.
enum stormtag_status stormtag_find_values(struct stormtag_worker *worker,
                                          const struct stormtag_value *values,
                                          size_t count,
                                          const struct stormtag_found **found);

// As `stormtag_find_json`, of a line that nobody has parsed: see `stormtag_enrich_text`.
//
// # Safety
//
// As of `stormtag_find_json`.
enum stormtag_status stormtag_find_text(struct stormtag_worker *worker,
                                        const char *line,
                                        size_t length,
                                        const struct stormtag_found **found);

// What the worker did since it was opened, as a JSON object in `counters`, for `stormtag_free`.
//
// # Safety
//
// `counters` is NULL or can be written.
enum stormtag_status stormtag_counters(struct stormtag_worker *worker, struct stormtag_bytes *counters);

// What went wrong in the last call of this thread that did not return OK: file, line, value. Empty before the first.
//
// UTF-8, ends with NUL. Belongs to the library and stays until this thread's next call that does not return OK; never NULL.
const char *stormtag_last_error(void);

// The name of a status, such as `STORMTAG_STATUS_BUSY`. Never NULL; stays for as long as the library is loaded.
const char *stormtag_status_name(uint32_t status);

// Frees a text that a call gave away, and leaves NULL in its place, so that freeing it twice does nothing. NULL is allowed.
//
// # Safety
//
// `text` is NULL or points to a `stormtag_bytes` that a function of this library wrote, or that is all zero; nobody else uses it.
void stormtag_free(struct stormtag_bytes *text);

// Opens a `stormtag.toml`, reads all that it names and makes it ready for workers. `path` ends with NUL.
//
// Returns STORMTAG_STATUS_FAILED if a file cannot be used; the message names file, line and value. Lines of a feed that are no indicator
// are no failure: see `stormtag_report`. Takes as long as reading the files takes, and keeps what it needs to read them again.
//
// # Safety
//
// `path` is NULL or ends with NUL; `config` is NULL or can be written.
enum stormtag_status stormtag_open(const char *path,
                                   struct stormtag_config **config);

// As `stormtag_open`, of a text of `length` bytes in UTF-8. Relative paths in it count from the folder of `name`, which stands in messages.
// The text is not followed when it changes; the files that it names are.
//
// # Safety
//
// `name` is NULL or ends with NUL; `length` bytes can be read at `text`; `config` is NULL or can be written.
enum stormtag_status stormtag_parse(const char *name,
                                    const char *text,
                                    size_t length,
                                    struct stormtag_config **config);

// Closes a configuration, and ends its thread: waits for it, should it be reading files. Workers that were opened of it go on with the
// snapshot that they have, and are closed by themselves.
//
// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
enum stormtag_status stormtag_close(struct stormtag_config *config);

// Looks whether the files have changed, and publishes what they hold if they have. Waits until files rest, two seconds if the
// configuration does not say otherwise, and for a reload in another thread. `force`, if it is not 0, publishes also what has
// shrunk or breaks off.
//
// Returns STORMTAG_STATUS_REFUSED if there was something new that cannot be used: the message says why, and the last good snapshot stays
// in use. `outcome` may be NULL. Of a configuration that is watched the thread is asked to look, and this returns at once.
//
// # Safety
//
// `outcome` is NULL or can be written.
enum stormtag_status stormtag_reload(struct stormtag_config *config,
                                     int force,
                                     enum stormtag_outcome *outcome);

// Starts a thread that looks at the files when the operating system tells of a change, and every minute beside, if the configuration does
// not say otherwise. It ends with `stormtag_close`. Watching what is watched already does nothing.
//
// A process that forks has the thread in the parent alone: open a configuration in each process.
enum stormtag_status stormtag_watch(struct stormtag_config *config);

// What the watching thread came to since it was last asked, one outcome a call, the oldest first: `outcome`, and in `text` what there is to be
// told, for `stormtag_free`. Both may be NULL. Returns STORMTAG_STATUS_NOTHING if there is no more.
//
// Looks that changed nothing are not told, and a refusal once. The last 64 are kept; `lost`, which may be NULL, is the number of those that
// nobody asked for in time, since the configuration was opened.
//
// # Safety
//
// Each of `outcome`, `text` and `lost` is NULL or can be written.
enum stormtag_status stormtag_next_outcome(struct stormtag_config *config,
                                           enum stormtag_outcome *outcome,
                                           struct stormtag_bytes *text,
                                           uint64_t *lost);

// Whether the operating system tells the watching thread of changes in all folders, in `is_notified`. If not, files are only looked at every now
// and then; so it is too where nothing is watched.
//
// # Safety
//
// `is_notified` is NULL or can be written.
enum stormtag_status stormtag_is_notified(struct stormtag_config *config,
                                          bool *is_notified);

// What was used of the files and what was not, with the reasons, as a JSON object in `report`, for `stormtag_free`. It is that of the
// snapshot in use.
//
// # Safety
//
// `report` is NULL or can be written.
enum stormtag_status stormtag_report(struct stormtag_config *config,
                                     struct stormtag_bytes *report);

// Names what is known, the same on each host that knows the same: 32 hexadecimal digits in `generation`, for `stormtag_free`.
//
// # Safety
//
// `generation` is NULL or can be written.
enum stormtag_status stormtag_generation(struct stormtag_config *config,
                                         struct stormtag_bytes *generation);

// Opens a worker of a configuration. Opening one reads nothing and takes some microseconds; keep it, its memory pays from event to event.
//
// # Safety
//
// `worker` is NULL or can be written.
enum stormtag_status stormtag_worker_open(struct stormtag_config *config,
                                          struct stormtag_worker **worker);

// Closes a worker, and frees what it gave out. Returns STORMTAG_STATUS_BUSY if another thread uses it; it is open then.
//
// The handle is none from then on, and every use of it is answered with STORMTAG_STATUS_CLOSED, until some thousand others have been opened.
enum stormtag_status stormtag_worker_close(struct stormtag_worker *worker);

// Sets the time, in seconds since the epoch, at which events without one of their own are judged. NULL: they are not judged by time, and
// every record counts. Until it is called, the configuration says.
//
// # Safety
//
// `seconds` is NULL or can be read.
enum stormtag_status stormtag_set_clock(struct stormtag_worker *worker,
                                        const int64_t *seconds);

// Enriches one event as JSON: `out` and `out_length` are the line with what was found merged into it. What was there stays byte for byte; a line
// that is no JSON object comes out as it went in, and is counted. `matched`, which may be NULL, is 1 if something matched, else 0.
//
// What comes out belongs to the worker and stays until the next call with it. It does not end with NUL. A line that is what this worker gave out
// is answered with STORMTAG_STATUS_INVALID: copy it, or use another worker.
//
// # Safety
//
// `length` bytes can be read at `line`; each of `out`, `out_length` and `matched` is NULL or can be
// written.
enum stormtag_status stormtag_enrich_json(struct stormtag_worker *worker,
                                          const char *line,
                                          size_t length,
                                          const char **out,
                                          size_t *out_length,
                                          size_t *matched);

// As `stormtag_enrich_json`, of a block of lines: each ends with a line feed, the last one perhaps without. `matched` is the number of lines in
// which something matched. Faster than line by line.
//
// # Safety
//
// As of `stormtag_enrich_json`.
enum stormtag_status stormtag_enrich_lines(struct stormtag_worker *worker,
                                           const char *block,
                                           size_t length,
                                           const char **out,
                                           size_t *out_length,
                                           size_t *matched);

// As `stormtag_enrich_json`, of a line that nobody has parsed, such as syslog or that of an access log: makes a JSON object of it, with the line as
// `message`, its time as `@timestamp` where it tells one, and what was found in it.
//
// # Safety
//
// As of `stormtag_enrich_json`.
enum stormtag_status stormtag_enrich_text(struct stormtag_worker *worker,
                                          const char *line,
                                          size_t length,
                                          const char **out,
                                          size_t *out_length,
                                          size_t *matched);

// Enriches one event that the host has as values of its own, without JSON. `values` are `count` values that follow one another as they are
// written: an object, then each key and its value, and so on down; see `stormtag_value`.
//
// What comes out, `patch` and `patch_count`, are values in the same form: one object with what is to be merged into the event, or
// nothing (`patch_count` is 0), which is the answer to most events. Merge it so: objects merge, arrays take what they do not hold yet, a scalar
// already present stays. It belongs to the worker and stays until the next call with it. `matched` as of `stormtag_enrich_json`.
//
// Returns STORMTAG_STATUS_INVALID, and the event is not counted, if the values do not add up to one object, or are nested deeper than 128.
// Texts that are no UTF-8 are read as if what is none were U+FFFD.
//
// # Safety
//
// `count` values can be read at `values`, and the bytes that they point to; each of `patch`, `patch_count` and `matched` is NULL or can be
// written.
enum stormtag_status stormtag_enrich_values(struct stormtag_worker *worker,
                                            const struct stormtag_value *values,
                                            size_t count,
                                            const struct stormtag_value **patch,
                                            size_t *patch_count,
                                            size_t *matched);

// What is known of one value. `kind` names what it is, such as `ip`, `domain`, `url`, `sha256`, and ends with NUL; `text` has `length`
// bytes. `found` has one sighting, and a location if the databases know the address; it attributes nothing, for that is asked of events.
// Whether a record speaks of the time in question is not judged.
//
// Returns STORMTAG_STATUS_NOT_A_VALUE if the text is no value of that kind. What is found belongs to the worker and stays until its next
// call that finds or looks up something.
//
// # Safety
//
// `kind` is NULL or ends with NUL; `length` bytes can be read at `text`; `found` is NULL or can be written.
enum stormtag_status stormtag_look_up(struct stormtag_worker *worker,
                                      const char *kind,
                                      const char *text,
                                      size_t length,
                                      const struct stormtag_found **found);

// What was found in one event as JSON, field by field, for hosts that raise alarms and not events. Takes longer than `stormtag_enrich_json`,
// for the line is read into a tree.
//
// Returns STORMTAG_STATUS_NOT_JSON if the line is none, with the place. Belongs to the worker and stays until its next call that finds or
// looks up something.
//
// # Safety
//
// `length` bytes can be read at `line`; `found` is NULL or can be written.
enum stormtag_status stormtag_find_json(struct stormtag_worker *worker,
                                        const char *line,
                                        size_t length,
                                        const struct stormtag_found **found);

// As `stormtag_find_json`, of values: see `stormtag_enrich_values`.
//
// # Safety
//
// `count` values can be read at `values`, and the bytes that they point to; `found` is NULL or can be written.
enum stormtag_status stormtag_find_values(struct stormtag_worker *worker,
                                          const struct stormtag_value *values,
                                          size_t count,
                                          const struct stormtag_found **found);

// As `stormtag_find_json`, of a line that nobody has parsed: see `stormtag_enrich_text`.
//
// # Safety
//
// As of `stormtag_find_json`.
enum stormtag_status stormtag_find_text(struct stormtag_worker *worker,
                                        const char *line,
                                        size_t length,
                                        const struct stormtag_found **found);

// What the worker did since it was opened, as a JSON object in `counters`, for `stormtag_free`.
//
// # Safety
//
// `counters` is NULL or can be written.
enum stormtag_status stormtag_counters(struct stormtag_worker *worker, struct stormtag_bytes *counters);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STORMTAG_H */
