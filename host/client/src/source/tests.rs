//! WAV, coded and raw audio, whole, damaged and cut short.

use super::*;
use auricle_core::Encoding;

const FLAC: &[u8] = include_bytes!("testdata/tone.flac");
const MP3: &[u8] = include_bytes!("testdata/tone.mp3");
const VORBIS: &[u8] = include_bytes!("testdata/tone.ogg");

/// A reader that gives a few bytes at a time, as a pipe may.
struct Drops<R>(R);

impl<R: Read> Read for Drops<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let few = out.len().min(7);
        self.0.read(&mut out[..few])
    }
}

/// Some bytes, then a failure.
struct Failing(&'static [u8]);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("unplugged")),
            some => Ok(some),
        }
    }
}

fn wav(bits: u16, data: &[u8], length: u32) -> Vec<u8> {
    let (rate, frame) = (16_000u32, bits / 8);
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    let riff = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&riff);
    file
}

async fn read(
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
    raw: Option<AudioFormat>,
) -> Result<Source, SourceError> {
    let length = bytes.as_ref().len() as u64;
    Source::read("x", Drops(Cursor::new(bytes)), Some(length), raw).await
}

/// The sizes of the pieces, and all their bytes.
async fn pieces(source: &mut Source) -> (Vec<usize>, Vec<u8>) {
    let (mut sizes, mut all) = (Vec::new(), Vec::new());
    while let Some(piece) = source.next().await {
        if let Piece::Audio(bytes) = piece.unwrap() {
            sizes.push(bytes.len());
            all.extend(bytes);
        }
    }
    (sizes, all)
}

#[tokio::test]
async fn a_wav_file_comes_in_pieces_of_a_tenth_of_a_second() {
    let data: Vec<u8> = (0..8_000u32).map(|n| n as u8).collect();
    // Lengths as they are, as left by a recorder that was killed, as written into a pipe, and of a file cut short.
    for length in [8_000, 0, u32::MAX, 0x7fff_0000] {
        let mut source = read(wav(16, &data, length), None).await.unwrap();
        assert_eq!(source.format(), AudioFormat::default());
        assert!((source.seconds().unwrap() - 0.25).abs() < 0.002);
        assert_eq!(pieces(&mut source).await, (vec![3_200, 3_200, 1_600], data.clone()));
        assert_eq!(source.next().await, None);
    }
}

#[tokio::test]
async fn samples_of_another_width_are_converted() {
    let mut source = read(wav(24, &[0, 0, 64, 0, 0, 192], 6), None).await.unwrap();
    assert_eq!(source.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
    let samples = [0.5f32, -0.5].map(f32::to_le_bytes).concat();
    assert_eq!(pieces(&mut source).await.1, samples);
}

#[tokio::test]
async fn raw_audio_is_taken_as_it_is() {
    let format = AudioFormat { encoding: Encoding::Mulaw, sample_rate: 8_000, channels: 2, channel: None };
    let mut source = read(vec![1; 2_401], Some(format)).await.unwrap();
    // The sample of one channel at the end is no frame.
    assert_eq!(pieces(&mut source).await.0, [1_600, 800]);
    assert_eq!(source.only(1).unwrap().format(), AudioFormat { channel: Some(1), ..format });
    assert!(read(vec![0], Some(format)).await.unwrap().only(2).is_err());
}

#[tokio::test]
async fn coded_audio_is_decoded() {
    for (file, encoding) in [(FLAC, Encoding::S16le), (MP3, Encoding::F32le), (VORBIS, Encoding::F32le)] {
        let mut source = read(file, None).await.unwrap();
        assert_eq!(source.format(), AudioFormat { encoding, ..AudioFormat::default() });
        let (_, bytes) = pieces(&mut source).await;
        let samples: Vec<f32> = match encoding {
            Encoding::S16le => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        // 250 ms of a tone at 440 Hz: 110 periods; MP3 may add silence.
        assert!((4_000..6_400).contains(&samples.len()), "{encoding:?}: {}", samples.len());
        let rises = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((105..=120).contains(&rises), "{encoding:?}: {rises}");
    }
}

#[tokio::test]
async fn what_stands_before_an_mp3_recording_is_passed_over() {
    let clean = pieces(&mut read(MP3, None).await.unwrap()).await;
    // A tag (ID3v2.3) of 100,000 bytes, its length in groups of 7 bits, all of them padding.
    let length = 100_000_u32;
    let groups = [21, 14, 7, 0].map(|shift| (length >> shift) as u8 & 0x7f);
    let tag = [b"ID3\x03\0\0".as_slice(), &groups, &vec![0; length as usize]].concat();
    for before in [tag, vec![0x55; 1_000]] {
        let mut source = read([&before, MP3].concat(), None).await.unwrap();
        assert_eq!(pieces(&mut source).await, clean);
    }
}

#[tokio::test]
async fn a_wav_file_behind_junk_is_no_audio() {
    // Its header would not have been looked at before the decoder sees it.
    let mut file = vec![0x49; 142];
    file.extend(wav(16, &[0; 64], 64));
    assert!(read(file, None).await.unwrap_err().to_string().contains("not an audio file"));
}

#[tokio::test]
async fn a_damaged_part_is_left_out_and_told() {
    // Without the first frame, of 288 bytes, which says how long the file is.
    let mut file = MP3[288..].repeat(8);
    // The header of a frame in the middle stays, what follows it makes no sense.
    let middle = file.len() / 2;
    file[middle + 4..middle + 40].fill(0xff);
    let mut source = read(file, None).await.unwrap();
    let (mut bytes, mut damage) = (0, 0);
    while let Some(piece) = source.next().await {
        match piece.unwrap() {
            Piece::Audio(audio) => bytes += audio.len(),
            Piece::Damage(_) => damage += 1,
        }
    }
    assert!((1..=3).contains(&damage), "{damage}");
    assert!(bytes > 7 * 4_000 * 4, "{bytes}");
}

#[tokio::test]
async fn what_is_no_audio_is_named() {
    let error = read(b"a text that is no audio".as_slice(), None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "x: not an audio file that is understood here (WAV, FLAC, MP3, Ogg Vorbis); \
         for raw samples give --raw s16le --rate 16000"
    );
    let error = Source::open(Path::new("no/such.wav"), None).await.unwrap_err();
    assert!(error.to_string().starts_with("no/such.wav: "), "{error}");
    let error = Source::open(Path::new("."), None).await.unwrap_err();
    assert_eq!(error.to_string(), ".: is a folder, not an audio file");
}

#[tokio::test]
async fn what_was_read_before_a_failure_is_heard() {
    let mut source = Source::read("x", Failing(&[0; 4_000]), None, Some(AudioFormat::default())).await.unwrap();
    for size in [3_200, 800] {
        assert_eq!(source.next().await, Some(Ok(Piece::Audio(vec![0; size].into()))));
    }
    assert_eq!(source.next().await, Some(Err(SourceError("x: unplugged".to_owned()))));
    assert_eq!(source.next().await, None);
}
