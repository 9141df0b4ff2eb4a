/* An engine that tries to reach what a sandbox refuses, the network and a foreign file, and reports the results at the end of the
 * stream. The tests put claims, and code that runs when the library is opened, in place of the comments at the end. */
#define _POSIX_C_SOURCE 200809L
#include <auricle.h>
#include <stdlib.h>
#include <sys/socket.h>

struct stream { char *file; uint64_t start, end; };

/* The server lets an engine read the paths in its configuration. This one begins with a colon, so it is none. */
static const char *file_in(const auricle_config *config) {
    const char *text = config->text(config, "file");
    return text && *text == ':' ? text + 1 : "";
}

static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
    (void)host, (void)reply;
    *model = strdup(file_in(config));
    return AURICLE_OK;
}

static auricle_status metadata(void *model, auricle_reply *reply) {
    (void)model;
    return auricle_answer(reply, "{\"sample_rate\": 16000, \"chunk_samples\": 16000, \"capabilities\": [\"endpoints\"]}");
}

static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
    struct stream *opened = calloc(1, sizeof *opened);
    (void)options, (void)reply;
    opened->file = model;
    *stream = opened;
    return AURICLE_OK;
}

static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    struct stream *opened = stream;
    (void)reply;
    opened->start = opened->end = offset;
    return AURICLE_OK;
}

static auricle_status insert_audio_chunk(void *stream, const float *samples, size_t count, auricle_reply *reply) {
    struct stream *opened = stream;
    (void)samples, (void)reply;
    opened->end += count;
    return AURICLE_OK;
}

static auricle_status process_iter(void *stream, auricle_sink *sink, auricle_reply *reply) {
    (void)stream, (void)sink, (void)reply;
    return AURICLE_OK;
}

static auricle_status finish(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct stream *opened = stream;
    char text[64];
    auricle_segment segment = { sizeof segment, opened->start, opened->end, text, 0, NULL, NULL, NULL, 0, 0 };
    int reached = socket(AF_INET, SOCK_DGRAM, 0) >= 0, read = fopen(opened->file, "rb") != NULL;
    (void)reply;
    snprintf(text, sizeof text, "network %s, file %s", reached ? "allowed" : "refused", read ? "allowed" : "refused");
    sink->segment(sink, &segment);
    return AURICLE_OK;
}

static auricle_status files(const auricle_host *host, const auricle_config *config, auricle_reply *reply) {
    char answer[4096];
    (void)host;
    snprintf(answer, sizeof answer, *file_in(config) ? "[\"%s\"]" : "[]", file_in(config));
    return auricle_answer(reply, answer);
}

static const auricle_engine engine = {
    sizeof engine, "reach", NULL,
    load, free, metadata, open, free, init, insert_audio_chunk, process_iter, finish, NULL, NULL, files,
};
static const auricle_engine *const engines[] = { &engine };
static const auricle_plugin plugin = { sizeof plugin, engines, 1, NULL, 0 };

const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) {
    (void)host, (void)reply;
    return &plugin;
}

AURICLE_PLUGIN("reach", "1.0.0", "reports what it can reach")
/* CLAIMS */
/* CONSTRUCTOR */
