/* The engine `my-engine`: telephone keys, recognised while they sound. A pause ends a number, which is a segment.
 *
 * keypad.h recognises the keys; this file is what an engine does around a recogniser that needs 20 ms at a time. auricle.h
 * has the rules of each function.
 */
#include "keypad.h"

#include <auricle.h>
#include <stdlib.h>

/* A longer number is cut. */
#define MOST_KEYS 64

/* ANCHOR: state */
/* A loaded model, shared by all of its streams. */
struct keypad {
    double threshold;
};

/* One stream: the number that is being entered. Places are samples of the stream. */
struct number {
    const struct keypad *model;
    uint64_t pause;             /* samples of silence that end the number */
    uint64_t position;          /* the end of the audio that was processed */
    const char *key;            /* the key in the audio that was not processed yet, or NULL */
    size_t fresh;               /* samples of that audio */
    const char *pressed;        /* the key that sounded before, or NULL */
    auricle_word keys[MOST_KEYS];
    size_t key_count;
};
/* ANCHOR_END: state */

/* ANCHOR: model */
/* An engine with weights finds them with host->find and reads them here. */
static auricle_status load(const auricle_host *host, const auricle_config *config, void **model, auricle_reply *reply) {
    struct keypad *keypad = malloc(sizeof *keypad);
    if (!keypad) return auricle_fail(reply, AURICLE_ERROR_OTHER, "out of memory");
    keypad->threshold = config->number(config, "threshold", 0.01);
    host->log(host, 3, "the keypad is ready");
    *model = keypad;
    return AURICLE_OK;
}

static auricle_status metadata(void *model, auricle_reply *reply) {
    (void)model;
    return auricle_answer(reply, "{\"sample_rate\": 16000, \"chunk_samples\": 320, \"replay\": \"exact\","
                                 " \"capabilities\": [\"partials\", \"word-times\", \"endpoints\"]}");
}

static auricle_status open(void *model, const auricle_config *options, void **stream, auricle_reply *reply) {
    struct number *number = calloc(1, sizeof *number);
    if (!number) return auricle_fail(reply, AURICLE_ERROR_CAPACITY, "out of memory");
    number->model = model;
    number->pause = (uint64_t)(options->number(options, "pause", 0.5) * KEYPAD_RATE);
    *stream = number;
    return AURICLE_OK;
}
/* ANCHOR_END: model */

/* ANCHOR: events */
/* The keys so far as a text, with a word for each. */
static void report(const struct number *number, auricle_sink *sink, void (*event)(auricle_sink *, const auricle_segment *)) {
    char text[2 * MOST_KEYS + 1] = "";
    for (size_t i = 0; i < number->key_count; i++) {
        if (i) strcat(text, " ");
        strcat(text, number->keys[i].text);
    }
    const auricle_segment segment = {
        .size = sizeof segment,
        .start = number->keys[0].start,
        .end = number->keys[number->key_count - 1].end,
        .text = text,
        .words = number->keys,
        .word_count = number->key_count,
        .word_size = sizeof(auricle_word),
    };
    event(sink, &segment);
}

static void end(struct number *number, auricle_sink *sink) {
    report(number, sink, sink->segment);
    sink->endpoint(sink, number->position);
    number->key_count = 0;
    /* A new stream needs no state to continue here: nothing is pressed, and no key is left. */
    sink->restart_point(sink, number->position, "", 0);
}

static void press(struct number *number, const char *key, uint64_t start, auricle_sink *sink) {
    if (number->key_count == MOST_KEYS) {
        report(number, sink, sink->segment);
        number->key_count = 0;
    }
    if (number->key_count == 0) sink->speech_started(sink, start);
    const auricle_word word = {.start = start, .end = number->position, .text = key};
    number->keys[number->key_count++] = word;
    report(number, sink, sink->partial);
}
/* ANCHOR_END: events */

/* ANCHOR: stream */
static auricle_status init(void *stream, uint64_t offset, auricle_reply *reply) {
    struct number *number = stream;
    (void)reply;
    number->position = offset;
    number->fresh = number->key_count = 0;
    number->pressed = NULL;
    return AURICLE_OK;
}

/* The audio may be used until the function returns. This recogniser needs no copy of it. */
static auricle_status insert_audio_chunk(void *stream, const float *samples, size_t count, auricle_reply *reply) {
    struct number *number = stream;
    (void)reply;
    number->key = keypad_key(samples, count, number->model->threshold);
    number->fresh = count;
    return AURICLE_OK;
}

static auricle_status process_iter(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct number *number = stream;
    (void)reply;
    if (number->fresh == 0) return AURICLE_OK;
    const char *key = number->key;
    auricle_word *last = number->key_count ? &number->keys[number->key_count - 1] : NULL;
    const uint64_t start = number->position;
    number->position += number->fresh;
    number->fresh = 0;
    if (key && last && key == number->pressed)
        last->end = number->position;
    else if (key)
        press(number, key, start, sink);
    else if (last && number->position - last->end >= number->pause)
        end(number, sink);
    else if (!last)
        sink->restart_point(sink, number->position, "", 0);
    number->pressed = key;
    return AURICLE_OK;
}

static auricle_status finish(void *stream, auricle_sink *sink, auricle_reply *reply) {
    struct number *number = stream;
    const auricle_status status = process_iter(stream, sink, reply);
    if (number->key_count) end(number, sink);
    return status;
}

static auricle_status restore(void *stream, uint64_t sample, const void *state, size_t size, auricle_reply *reply) {
    (void)state, (void)size;
    return init(stream, sample, reply);
}
/* ANCHOR_END: stream */

/* ANCHOR: table */
static const auricle_engine engine = {
    .size = sizeof engine,
    .backend = "my-engine",
    .schema = "{\"properties\": {"
              "\"threshold\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 1, \"default\": 0.01,"
              " \"x-auricle-scope\": \"load\", \"description\": \"loudness of the quietest key, of full scale\"},"
              "\"pause\": {\"type\": \"number\", \"minimum\": 0.1, \"maximum\": 10, \"default\": 0.5,"
              " \"x-auricle-scope\": \"stream\", \"description\": \"seconds of silence that end a number\"}}}",
    .load = load,
    .unload = free,
    .metadata = metadata,
    .open = open,
    .close = free,
    .init = init,
    .insert_audio_chunk = insert_audio_chunk,
    .process_iter = process_iter,
    .finish = finish,
    .restore = restore,
};
static const auricle_engine *const engines[] = {&engine};
static const auricle_plugin plugin = {.size = sizeof plugin, .engines = engines, .engine_count = 1};

const auricle_plugin *auricle_plugin_open(const auricle_host *host, auricle_reply *reply) {
    (void)host, (void)reply;
    return &plugin;
}

AURICLE_PLUGIN("my-engine", "0.1.0", "Recognises the tones of telephone keys")
/* ANCHOR_END: table */
