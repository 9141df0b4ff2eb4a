/* A complete stage in C: it adds to each text how loud its audio was, `level_db`, and withholds final text whose audio was too quiet:
 * what engines invent in noise, or people far away. It works with any engine.
 *
 *     cc -shared -fPIC -O2 -Wall -I plugin-api/include -o level.so plugin-api/examples/level.c -lm
 */
#include <auricle.h>
#include <math.h>
#include <stdlib.h>

#define BLOCK 800u    /* samples whose loudness is one number */
#define BLOCKS 2400u  /* of that many blocks it is known: two minutes at 16 kHz */
#define QUIETEST (-120.0)

/* What another process needs to go on. */
struct heard {
    uint64_t start, count;    /* the first sample, and how many there were */
    float energy[BLOCKS];     /* of the samples of a block; the block of the sample number n is at n / BLOCK % BLOCKS */
};

struct level {
    double least_db;
    struct heard heard;
};

static auricle_status load(const auricle_host *host, const auricle_config *config, void **stage, auricle_reply *reply) {
    host->log(host, 3, "levels are measured");
    *stage = NULL;
    return AURICLE_OK;
}
static void unload(void *stage) { (void)stage; }
static auricle_status metadata(void *stage, auricle_reply *reply) { return auricle_answer(reply, "{\"changes_text\": true}"); }

static auricle_status open(void *stage, const auricle_config *options, void **stream, auricle_reply *reply) {
    struct level *level = *stream = calloc(1, sizeof *level);
    if (!level) return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
    level->least_db = options->number(options, "least_db", QUIETEST);
    return AURICLE_OK;
}

static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    struct level *level = stream;
    memset(&level->heard, 0, sizeof level->heard);
    level->heard.start = offset;
    return AURICLE_OK;
}

static auricle_status audio(void *stream, const float *samples, size_t count, auricle_stage_sink *sink, auricle_reply *reply) {
    struct heard *heard = &((struct level *)stream)->heard;
    for (size_t i = 0; i < count; i++, heard->count++) {
        float *energy = &heard->energy[heard->count / BLOCK % BLOCKS];
        if (heard->count % BLOCK == 0) *energy = 0;
        *energy += samples[i] * samples[i];
    }
    return AURICLE_OK;
}

/* The loudness of the blocks from the first sample to the last one, in decibels of full scale. */
static double decibels(const struct heard *heard, uint64_t start, uint64_t end) {
    uint64_t first = (start - heard->start) / BLOCK, last = ((end > start ? end - 1 : end) - heard->start) / BLOCK;
    double energy = 0;
    if (start < heard->start || end < start) return QUIETEST;
    if (last - first >= BLOCKS) first = last - BLOCKS + 1;
    for (uint64_t block = first; block <= last; block++) energy += heard->energy[block % BLOCKS];
    return fmax(10 * log10(energy / (double)((last - first + 1) * BLOCK) + 1e-12), QUIETEST);
}

static auricle_status event(void *stream, const auricle_event *event, auricle_stage_sink *sink, auricle_reply *reply) {
    const struct level *level = stream;
    const char *extra = event->segment ? event->segment->extra : NULL;
    const size_t size = (extra ? strlen(extra) : 0) + 64;
    auricle_segment segment;
    auricle_event marked;
    char *fields;
    double db;
    /* Other events, and those of later versions, pass. */
    if (event->kind != AURICLE_EVENT_PARTIAL && event->kind != AURICLE_EVENT_SEGMENT) {
        sink->event(sink, event);
        return AURICLE_OK;
    }
    db = decibels(&level->heard, event->segment->start, event->segment->end);
    if (event->kind == AURICLE_EVENT_SEGMENT && db < level->least_db) return AURICLE_OK;
    if (!(fields = malloc(size))) return auricle_fail(reply, AURICLE_ERROR_OTHER, "out of memory");
    /* The fields that are there stay: the text after their opening brace. */
    snprintf(fields, size, "{\"level_db\": %.1f%s%s", db, extra ? ", " : "", extra ? extra + 1 : "}");
    AURICLE_COPY(&segment, event->segment);
    segment.extra = fields;
    AURICLE_COPY(&marked, event);
    marked.segment = &segment;
    sink->event(sink, &marked);
    free(fields);
    return AURICLE_OK;
}

static auricle_status save(void *stream, auricle_reply *reply) {
    struct level *level = stream;
    reply->write(reply, &level->heard, sizeof level->heard);
    return AURICLE_OK;
}

static auricle_status restore(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply) {
    struct level *level = stream;
    if (size != sizeof level->heard) return auricle_fail(reply, AURICLE_ERROR_CONTRACT, "the state has %zu bytes", size);
    memcpy(&level->heard, state, size);
    return AURICLE_OK;
}

static const auricle_stage stage = { sizeof stage, "level",
    "{\"properties\": {\"least_db\": {\"type\": \"number\", \"minimum\": -120, \"maximum\": 0, \"default\": -120,"
    " \"description\": \"final text whose audio is quieter is withheld, in decibels of full scale\", \"x-auricle-scope\": \"stream\"}}}",
    load, unload, metadata, open, free, init, audio, event, NULL, NULL, save, restore, NULL };
static const auricle_stage *const stages[] = { &stage };
static const auricle_plugin plugin = { sizeof plugin, NULL, 0, stages, 1 };
const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) { return &plugin; }
AURICLE_PLUGIN("level", "1.0.0", "adds how loud texts are, and withholds what is too quiet")
AURICLE_CLAIMS("{\"needs\": []}")
