/* Recognises telephone keys. Each sounds as two tones at once, one of four low ones and one of four high ones (DTMF).
 *
 * Replace this file by your recogniser.
 */
#ifndef KEYPAD_H
#define KEYPAD_H

#include <math.h>
#include <stddef.h>

/* Samples per second, and in a block of 20 ms. */
#define KEYPAD_RATE 16000
#define KEYPAD_BLOCK 320

/* The power of a tone in a block (Goertzel's algorithm). */
static inline double keypad_power(const float *block, size_t count, double tone) {
    const double turn = 2 * cos(2 * 3.14159265358979323846 * tone / KEYPAD_RATE);
    double last = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        const double next = block[i] + turn * last - before;
        before = last;
        last = next;
    }
    return last * last + before * before - turn * last * before;
}

/* The loudest of four tones, and its power. */
static inline size_t keypad_loudest(const float *block, size_t count, const double tones[4], double *power) {
    size_t loudest = 0;
    *power = -1;
    for (size_t i = 0; i < 4; i++) {
        const double one = keypad_power(block, count, tones[i]);
        if (one > *power) *power = one, loudest = i;
    }
    return loudest;
}

/* ANCHOR: key */
/* The key that sounds in a block, if its loudness is above `threshold`, as a part of full scale; otherwise NULL. The same
 * key is the same pointer. */
static inline const char *keypad_key(const float *block, size_t count, double threshold) {
    static const double low_tones[4] = {697, 770, 852, 941}, high_tones[4] = {1209, 1336, 1477, 1633};
    static const char *const keys[4][4] = {
        {"1", "2", "3", "A"}, {"4", "5", "6", "B"}, {"7", "8", "9", "C"}, {"*", "0", "#", "D"}};
    double energy = 0, low, high;
    for (size_t i = 0; i < count; i++) energy += (double)block[i] * block[i];
    /* Less than 10 ms has no clear pitch. */
    if (count < KEYPAD_BLOCK / 2 || sqrt(energy / (double)count) <= threshold) return NULL;
    const size_t row = keypad_loudest(block, count, low_tones, &low);
    const size_t column = keypad_loudest(block, count, high_tones, &high);
    /* Nearly all of the sound is the two tones, and neither is alone. */
    const double whole = energy * (double)count / 2;
    if (low + high <= 0.7 * whole || low <= 0.15 * whole || high <= 0.15 * whole) return NULL;
    return keys[row][column];
}
/* ANCHOR_END: key */

#endif
