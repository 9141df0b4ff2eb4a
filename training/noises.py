"""Sounds without words, made up: noise of several colours, hum, clicks, machines, wind, music."""

import numpy as np

KINDS = ("white", "pink", "brown", "band", "hum", "clicks", "machine", "gusts", "music")


def noise(kind: str, seconds: float, rate: int, random: np.random.Generator) -> np.ndarray:
    """One of `KINDS`, with a root mean square of 1."""
    count = round(seconds * rate)
    sound = _MAKERS[kind](count, rate, random)
    return (sound / (np.sqrt(np.mean(sound**2)) + 1e-12)).astype(np.float32)


def _coloured(count: int, rate: int, random: np.random.Generator, gain) -> np.ndarray:
    """Noise whose spectrum is `gain` of the frequency."""
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    spectrum = random.standard_normal(len(frequencies)) + 1j * random.standard_normal(len(frequencies))
    return np.fft.irfft(spectrum * gain(np.maximum(frequencies, 20)), count)


def _white(count, rate, random):
    return random.standard_normal(count)


def _pink(count, rate, random):
    return _coloured(count, rate, random, lambda hz: hz**-0.5)


def _brown(count, rate, random):
    return _coloured(count, rate, random, lambda hz: 1 / hz)


def _band(count, rate, random):
    centre, width = np.exp(random.uniform(np.log(150), np.log(3500))), random.uniform(0.1, 0.7)
    return _coloured(count, rate, random, lambda hz: 0.02 + np.exp(-((np.log(hz / centre) / width) ** 2)))


def _hum(count, rate, random):
    time = np.arange(count) / rate
    base = random.choice([50, 60, 100, 120, random.uniform(80, 400)])
    tones = range(1, int(min(30, rate / 2 / base)))
    sound = sum(random.uniform(0, 1) / tone * np.sin(2 * np.pi * (base * tone * time + random.random())) for tone in tones)
    return sound + 0.05 * _pink_unit(count, rate, random)


def _pink_unit(count, rate, random):
    sound = _pink(count, rate, random)
    return sound / np.sqrt(np.mean(sound**2))


def _clicks(count, rate, random):
    sound = np.zeros(count + rate)
    for start in random.integers(0, count, round(count / rate * random.uniform(1, 8))):
        length = int(rate * random.uniform(0.002, 0.08))
        fade = np.exp(-np.arange(length) / (length / 5))
        ring = np.sin(2 * np.pi * random.uniform(150, 3500) * np.arange(length) / rate)
        colour = random.uniform(0, 1)
        burst = colour * ring + (1 - colour) * random.standard_normal(length)
        sound[start : start + length] += fade * burst * random.uniform(0.2, 1)
    return sound[:count] + 1e-3 * random.standard_normal(count)


def _machine(count, rate, random):
    """Something that turns: noise that swells and fades, many times a second or a few."""
    time = np.arange(count) / rate
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(0.7, 25) * time)
    return _band(count, rate, random) * swell ** random.uniform(0.5, 4) + 0.3 * _hum(count, rate, random)


def _gusts(count, rate, random):
    """Noise whose level and colour wander: wind, streets, handling."""
    points = np.arange(0, count + rate, rate // 4)
    slow = np.interp(np.arange(count), points, random.standard_normal(len(points)))
    return _pink_unit(count, rate, random) * np.exp(slow) + 0.3 * _band(count, rate, random)


def _music(count, rate, random):
    """Chords, a melody and a beat."""
    sound = np.zeros(count + 4 * rate)
    beat = random.uniform(0.25, 0.7)
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) + random.integers(0, 12)
    brightness, attack, drums = random.uniform(0.5, 2), random.uniform(0.003, 0.08), random.random() < 0.6
    for number in range(int(count / rate / beat)):
        start = int(number * beat * rate)
        if number % 4 == 0:
            root = random.integers(0, 7)
            notes = [(scale[(root + third) % 7] + 48, 4 * beat) for third in (0, 2, 4)]
        else:
            notes = []
        if random.random() < 0.7:
            notes.append((scale[random.integers(0, 7)] + 60 + 12 * random.integers(0, 2), beat * random.choice([0.5, 1, 2])))
        for note, seconds in notes:
            length = min(int(rate * seconds * 1.2), len(sound) - start)
            time = np.arange(length) / rate
            base = 440 * 2 ** ((note - 69) / 12)
            vibrato = 0.003 * random.uniform(0, 1) * np.sin(2 * np.pi * 5.5 * time) / 5.5
            shape = np.minimum(time / attack, 1) * np.exp(-time / seconds * random.uniform(0.5, 4))
            tone = sum(
                np.sin(2 * np.pi * base * harmonic * (time + vibrato)) / harmonic**brightness
                for harmonic in range(1, 12)
                if base * harmonic < rate * 0.45
            )
            sound[start : start + length] += shape * tone * random.uniform(0.3, 1)
        if drums:
            length = int(rate * 0.12)
            fade = np.exp(-np.arange(length) / rate / 0.03)
            drum = random.standard_normal(length) if number % 2 else np.sin(2 * np.pi * 70 * np.arange(length) / rate)
            sound[start : start + length] += fade * drum
    return sound[:count] + 1e-4 * random.standard_normal(count)


_MAKERS = {
    "white": _white, "pink": _pink, "brown": _brown, "band": _band, "hum": _hum, "clicks": _clicks, "machine": _machine,
    "gusts": _gusts, "music": _music,
}  # fmt: skip
