//! `auricle stream`, with its exit codes.

use super::{
    args::{Format, StreamArgs},
    failure::Failure,
    render::{Captions, Jsonl, Screen, Text},
    session::End,
    source::Source,
};
use auricle_core::subtitles::SubtitleFormat;
use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};
use tokio::sync::mpsc;

/// Streams the audio that the arguments name. The command's help lists the exit codes.
pub async fn run(args: StreamArgs) -> ExitCode {
    args.server.warn();
    let mut interrupts = interrupts();
    let opened = tokio::select! {
        source = open(&args) => source,
        Some(()) = interrupts.recv() => Err(End::Interrupted),
    };
    let end = match opened {
        Err(end) => Err(end),
        Ok(source) => {
            let session = args.session();
            let (out, err) = (io::stdout(), io::stderr());
            match args.format {
                Format::Text => {
                    let screen = Screen::of_process();
                    let mut text = Text::new(out, err, screen, source.seconds(), args.show_partials);
                    let report = session.run(source, &mut text, &mut interrupts).await;
                    text.finish(&report);
                    report.end
                }
                Format::Jsonl => {
                    let mut lines = Jsonl::new(out, err);
                    let report = session.run(source, &mut lines, &mut interrupts).await;
                    lines.finish(&report);
                    report.end
                }
                format @ (Format::Srt | Format::Vtt) => {
                    let format = if format == Format::Srt { SubtitleFormat::Srt } else { SubtitleFormat::Vtt };
                    let mut captions = Captions::new(out, err, format);
                    let report = session.run(source, &mut captions, &mut interrupts).await;
                    captions.finish(&report);
                    report.end
                }
            }
        }
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        // A closed pipe is not an error.
        Err(End::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(end) => {
            let _ = writeln!(io::stderr(), "auricle: {end}");
            ExitCode::from(exit_code(&end))
        }
    }
}

async fn open(args: &StreamArgs) -> Result<Source, End> {
    Source::open(&args.file, args.source()).await.map_err(End::Source)
}

/// Sends one item for each Ctrl-C from now on.
fn interrupts() -> mpsc::Receiver<()> {
    let (sender, interrupts) = mpsc::channel(2);
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).await.is_ok() {} });
    interrupts
}

fn exit_code(end: &End) -> u8 {
    match end {
        End::Output(_) => 1,
        End::Source(_) | End::Damaged { .. } => 3,
        End::Stream(Failure::Connect { .. } | Failure::Refused { .. }) => 4,
        End::Stream(_) => 5,
        End::Interrupted => 130,
    }
}
