// Engine `moonshine`: Moonshine's published models through the C interface of sherpa-onnx. An example of an engine in C++ around an
// existing recogniser.
//
// The model hears whole utterances. One begins with a loud tenth of a second, a little before it, and ends with a pause, or at a quiet
// place if it gets too long. While it lasts it is recognised again for every further second, and reported as partial.
//
// Threads: the recogniser is shared by all streams, which may decode at the same time.

#include <auricle.hpp>
#include <sherpa-onnx/c-api/c-api.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

constexpr std::size_t RATE = 16000;
constexpr std::size_t CHUNK = RATE / 10;
// Audio before the first loud chunk that belongs to the utterance.
constexpr std::size_t LEAD = 3 * CHUNK;
// A longer utterance is cut at its quietest chunk in the last part of this length.
constexpr std::size_t LONGEST = 12 * RATE;
constexpr std::size_t CUT_WITHIN = 4 * RATE;
// A partial is recognised for each further second.
constexpr std::size_t STEP = RATE;
// The model returns nonsense for less.
constexpr std::size_t LEAST = RATE / 5;

class Recognizer {
public:
    Recognizer(const auricle::Host &host, const auricle::Config &config) {
        const std::string folder = config.text("model");
        const std::string encoder = host.find(folder + "/encoder_model.ort");
        const std::string decoder = host.find(folder + "/decoder_model_merged.ort");
        const std::string tokens = host.find(folder + "/tokens.txt");
        SherpaOnnxOfflineRecognizerConfig options{};
        options.feat_config.sample_rate = RATE;
        options.feat_config.feature_dim = 80;
        options.model_config.moonshine.encoder = encoder.c_str();
        options.model_config.moonshine.merged_decoder = decoder.c_str();
        options.model_config.tokens = tokens.c_str();
        options.model_config.num_threads = static_cast<std::int32_t>(config.number("threads", 1));
        options.model_config.provider = "cpu";
        options.decoding_method = "greedy_search";
        recognizer = SherpaOnnxCreateOfflineRecognizer(&options);
        if (!recognizer)
            throw auricle::Error(AURICLE_ERROR_MODEL, folder + ": sherpa-onnx cannot open it; its message is in the log");
    }
    ~Recognizer() { SherpaOnnxDestroyOfflineRecognizer(recognizer); }
    Recognizer(const Recognizer &) = delete;
    Recognizer &operator=(const Recognizer &) = delete;

    std::string text(const std::vector<float> &samples) const {
        using Stream = std::unique_ptr<const SherpaOnnxOfflineStream, decltype(&SherpaOnnxDestroyOfflineStream)>;
        using Result = std::unique_ptr<const SherpaOnnxOfflineRecognizerResult, decltype(&SherpaOnnxDestroyOfflineRecognizerResult)>;
        const Stream stream(SherpaOnnxCreateOfflineStream(recognizer), SherpaOnnxDestroyOfflineStream);
        SherpaOnnxAcceptWaveformOffline(stream.get(), RATE, samples.data(), static_cast<std::int32_t>(samples.size()));
        SherpaOnnxDecodeOfflineStream(recognizer, stream.get());
        const Result result(SherpaOnnxGetOfflineStreamResult(stream.get()), SherpaOnnxDestroyOfflineRecognizerResult);
        return result ? result->text : "";
    }

private:
    const SherpaOnnxOfflineRecognizer *recognizer;
};

double loudness(const float *samples, std::size_t count) {
    double energy = 0;
    for (std::size_t i = 0; i < count; i++) energy += double(samples[i]) * samples[i];
    return std::sqrt(energy / double(std::max<std::size_t>(count, 1)));
}

class Stream {
public:
    Stream(const Recognizer &recognizer, const auricle::Config &options)
        : recognizer(recognizer), threshold(options.number("threshold", 0.01)),
          pause(static_cast<std::size_t>(options.number("pause", 0.5) * RATE)) {}

    void init(std::uint64_t offset) {
        audio.clear();
        start = offset;
        speech = false;
        quiet = recognised = 0;
    }

    void insert_audio_chunk(const float *samples, std::size_t count) {
        audio.insert(audio.end(), samples, samples + count);
        fresh = count;
    }

    void process_iter(auricle::Sink sink) {
        const bool loud = loudness(audio.data() + audio.size() - fresh, fresh) >= threshold;
        quiet = loud ? 0 : quiet + fresh;
        if (loud && !speech) {
            speech = true;
            recognised = audio.size();
            sink.speech_started(start);
        }
        if (!speech) {
            if (audio.size() > LEAD) drop(audio.size() - LEAD);
            if (start % (2 * RATE) == 0) sink.restart_point(start, {});
        } else if (quiet >= pause) {
            segment(sink, audio.size());
            sink.endpoint(start);
        } else if (audio.size() >= LONGEST) {
            segment(sink, quiet_place());
        } else if (audio.size() >= recognised + STEP) {
            recognised = audio.size();
            sink.partial(start, start + audio.size(), recognizer.text(audio));
        }
    }

    void finish(auricle::Sink sink) {
        if (speech) segment(sink, audio.size());
    }

    void restore(std::uint64_t sample, std::string_view state) {
        init(sample);
        speech = state == "speech";
        recognised = 0;
    }

private:
    // Recognises the first samples, and drops them.
    void segment(auricle::Sink &sink, std::size_t count) {
        const std::vector<float> head(audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(count));
        const std::string text = count >= LEAST ? recognizer.text(head) : "";
        if (!text.empty()) sink.segment(start, start + count, text);
        drop(count);
        // What is left of a long utterance goes on.
        speech = !audio.empty();
        recognised = audio.size();
        quiet = 0;
        sink.restart_point(start, speech ? "speech" : "");
    }

    // The end of the quietest chunk in the last part of the audio.
    std::size_t quiet_place() const {
        std::size_t place = audio.size();
        double least = INFINITY;
        for (std::size_t at = audio.size() - CUT_WITHIN; at + CHUNK <= audio.size(); at += CHUNK) {
            const double level = loudness(audio.data() + at, CHUNK);
            if (level < least) least = level, place = at + CHUNK;
        }
        return place;
    }

    void drop(std::size_t count) {
        audio.erase(audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(count));
        start += count;
    }

    const Recognizer &recognizer;
    const double threshold;
    const std::size_t pause;
    // The audio that is not final yet, and its first sample in the stream.
    std::vector<float> audio;
    std::uint64_t start = 0;
    bool speech = false;
    // Samples since the last loud chunk; samples of the last chunk; length of the audio at the last partial.
    std::size_t quiet = 0, fresh = 0, recognised = 0;
};

class Model {
public:
    Model(const auricle::Host &host, const auricle::Config &config) : recognizer(host, config) {}
    std::string metadata() const {
        return R"({"sample_rate": 16000, "chunk_samples": 1600, "replay": "lossless", "languages": ["en"],
                   "capabilities": ["partials", "endpoints"]})";
    }
    std::unique_ptr<Stream> open(const auricle::Config &options) { return std::make_unique<Stream>(recognizer, options); }

private:
    Recognizer recognizer;
};

struct Loader {
    static constexpr const char *backend = "moonshine";
    static constexpr const char *schema = R"({
        "properties": {
            "model": {"type": "string", "default": "base-en", "x-auricle-scope": "load",
                "description": "folder with encoder_model.ort, decoder_model_merged.ort and tokens.txt"},
            "threads": {"type": "integer", "minimum": 1, "maximum": 64, "default": 1, "x-auricle-scope": "load",
                "description": "threads of a decode"},
            "threshold": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.01, "x-auricle-scope": "stream",
                "description": "loudness at which speech begins"},
            "pause": {"type": "number", "minimum": 0.2, "maximum": 5, "default": 0.5, "x-auricle-scope": "stream",
                "description": "seconds of silence that end an utterance"}
        }
    })";
    static std::unique_ptr<Model> load(const auricle::Host &host, const auricle::Config &config) {
        return std::make_unique<Model>(host, config);
    }
};

} // namespace

AURICLE_PLUGIN("auricle-engine-moonshine", "0.1.0", "Moonshine's models through sherpa-onnx")
AURICLE_CLAIMS(R"({"can": ["partials", "endpoints"], "needs": []})")
AURICLE_ENGINES(Loader)
