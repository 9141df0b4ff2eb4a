/* The engine `sum` in C, as backend `sum-c`: it sums its samples. */
#include <auricle.h>
#include <stdlib.h>

static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
    (void)host, (void)config, (void)reply;
    *model = NULL;
    return AURICLE_OK;
}

static auricle_status metadata(void *model, auricle_reply *reply) {
    (void)model;
    return auricle_answer(reply, "{\"sample_rate\": 16000, \"chunk_samples\": 320}");
}

static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
    (void)model, (void)options;
    *stream = calloc(1, sizeof(float));
    return *stream ? AURICLE_OK : auricle_fail(reply, AURICLE_ERROR_OTHER, "out of memory");
}

static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    (void)offset, (void)reply;
    *(float *)stream = 0;
    return AURICLE_OK;
}

static auricle_status insert_audio_chunk(void *stream, const float *samples, size_t count, auricle_reply *reply) {
    float sum = 0;
    (void)reply;
    for (size_t i = 0; i < count; i++) sum += samples[i];
    *(float *)stream = sum;
    return AURICLE_OK;
}

static auricle_status process(void *stream, auricle_sink *sink, auricle_reply *reply) {
    (void)stream, (void)sink, (void)reply;
    return AURICLE_OK;
}

static const auricle_engine engine = { sizeof engine, "sum-c", NULL, load, free, metadata, open, free, init, insert_audio_chunk, process,
                                       process, NULL, NULL, NULL };
static const auricle_engine *const engines[] = { &engine };
static const auricle_plugin plugin = { sizeof plugin, engines, 1, NULL, 0 };

const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) {
    (void)host, (void)reply;
    return &plugin;
}

AURICLE_PLUGIN("auricle-engine-sum-c", "0.1.0", "sums its samples")
