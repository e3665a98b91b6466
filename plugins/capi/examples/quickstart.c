/* The shortest program: an event in, the event with what is known of it out. Built with: cc quickstart.c $(pkg-config --cflags --libs stormtag) */
#include <stdio.h>
#include <string.h>
#include <stormtag.h>

int main(int argc, char **argv) {
    stormtag_config *config;
    stormtag_worker *worker;
    const char *line = "{\"ts\":1705081509,\"query\":\"www.harvest-mail.example\"}", *out;
    size_t length;
    if (stormtag_open(argc > 1 ? argv[1] : "stormtag.toml", &config) || stormtag_worker_open(config, &worker) ||
        stormtag_enrich_json(worker, line, strlen(line), &out, &length, NULL))
        return fprintf(stderr, "%s\n", stormtag_last_error()), 1;
    printf("%.*s\n", (int)length, out);
    return stormtag_worker_close(worker) || stormtag_close(config);
}
