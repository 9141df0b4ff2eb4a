/* A complete engine in C: it reports how loud each second was. The server finds it as backend `loudness-c`.
 *
 *     cc -shared -fPIC -O2 -Wall -I plugin-api/include -o loudness.so plugin-api/examples/loudness.c -lm
 */
#include <auricle.h>
#include <math.h>
#include <stdlib.h>

static const char *const units[] = { "%.0f dB", "%.3f" };                  /* the model: how to write a level */
struct second { const char *const *unit; uint64_t start, end; double energy; };                 /* one stream */
static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
    *model = (void *)&units[strcmp(config->text(config, "unit"), "rms") == 0];
    host->log(host, 3, "the meter is ready");
    return AURICLE_OK;
}
static void unload(void *model) { (void)model; }
static auricle_status metadata(void *model, auricle_reply *reply) {
    return auricle_answer(reply, "{\"sample_rate\": 16000, \"chunk_samples\": 16000, \"replay\": \"exact\"}");
}
static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
    struct second *second = *stream = calloc(1, sizeof *second);
    if (!second) return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
    second->unit = model;
    return AURICLE_OK;
}
static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    struct second *second = stream;
    second->start = second->end = offset;
    second->energy = 0;
    return AURICLE_OK;
}
static auricle_status insert_audio_chunk(void *stream, const float *samples, size_t count, auricle_reply *reply) {
    struct second *second = stream;
    for (size_t i = 0; i < count; i++) second->energy += (double)samples[i] * samples[i];
    second->end += count;
    return AURICLE_OK;
}
static auricle_status process_iter(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct second *second = stream;
    char text[32];
    auricle_segment segment = { sizeof segment, second->start, second->end, text, 0, NULL, NULL, NULL, 0, 0 };
    if (second->end == second->start) return AURICLE_OK;
    double rms = sqrt(second->energy / (double)(second->end - second->start));
    snprintf(text, sizeof text, *second->unit, second->unit == units ? 20 * log10(rms + 1e-9) : rms);
    sink->segment(sink, &segment);
    sink->restart_point(sink, second->end, "", 0);
    return init(stream, second->end, reply);
}
static auricle_status restore(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply) {
    return init(stream, sample, reply);
}
static const auricle_engine engine = { sizeof engine, "loudness-c",
    "{\"properties\": {\"unit\": {\"enum\": [\"dB\", \"rms\"], \"default\": \"dB\", \"description\": \"what to report\","
    " \"x-auricle-scope\": \"load\"}}}",
    load, unload, metadata, open, free, init, insert_audio_chunk, process_iter, process_iter, restore, NULL, NULL };
static const auricle_engine *const engines[] = { &engine };
static const auricle_plugin plugin = { sizeof plugin, engines, 1, NULL, 0 };
const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) { return &plugin; }
AURICLE_PLUGIN("loudness-c", "1.0.0", "reports how loud each second was")
AURICLE_CLAIMS("{\"can\": [], \"needs\": []}")
