//! `auricle plugin`: packages of engines. The crate `packages` does the work; here are the command line and what it prints.

mod describe;
mod download;

use super::output::{Format, fail, print, print_json};
use auricle_core::wording::count;
use auricle_packages::{
    Added, Directories, INDEX, Index, IndexError, Package, Policy, PublicKey, Publishers, Records, SigningKey, Sources,
    add, index_of, pack, remove, sign,
};
use auricle_plugin_api::Manifest as LibraryManifest;
use clap::Subcommand;
use describe::{Installed, Listed};
use download::Folder;
use serde_json::json;
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Make, sign, verify, add, list and remove packages of engines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A package is one file for one target: an engine with its data, presets and licence, signed by its publisher. The signature proves who
made it, not that it is safe: an engine is a program. docs/packages.md describes the format, docs/operating.md how to use it.

Examples of a publisher:
  auricle plugin key generate publisher.pem
  auricle plugin pack target/release/libmy_engine.so --publisher me --licence LICENSE
  auricle plugin sign my-engine-1.0.0-x86_64-unknown-linux-gnu.auricle --key publisher.pem
Examples of an operator:
  auricle plugin verify my-engine-1.0.0-x86_64-unknown-linux-gnu.auricle
  auricle plugin add my-engine-1.0.0-x86_64-unknown-linux-gnu.auricle --plugins plugins --trust KEY
  auricle plugin add my-engine --from https://example.org/engines --plugins plugins
  auricle plugin list --plugins plugins
  auricle plugin remove my-engine --plugins plugins

Exit status: 0 success, 1 failure; of list: 1 if a file was changed.")]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    Pack(PackArgs),
    /// Sign packages, in place
    Sign {
        /// The packages
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The file of the private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Check a package's signature and everything in it, and show what it is; run none of its code
    Verify {
        /// The package
        file: PathBuf,
        /// The publisher's public key
        #[arg(long, value_name = "KEY")]
        key: Option<PublicKey>,
        #[command(flatten)]
        format: Format,
    },
    /// Write index.json for the packages in a folder, so that `add --from` finds them
    Index {
        /// The folder
        folder: PathBuf,
    },
    #[command(subcommand)]
    Key(KeyCommand),
    Add(AddArgs),
    /// List the installed packages, and the files that were changed
    List {
        /// The plugin directory
        #[arg(long, value_name = "DIR")]
        plugins: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    /// Remove a package: its own files, and no others
    Remove {
        /// The package's name
        name: String,
        /// The plugin directory
        #[arg(long, value_name = "DIR")]
        plugins: PathBuf,
        /// Also delete files that were changed
        #[arg(long)]
        force: bool,
    },
}

/// Make a package of an engine. It must be signed before it can be added
#[derive(Debug, clap::Args)]
struct PackArgs {
    /// A shared library, or an engine folder NAME.engine
    engine: PathBuf,
    /// Your name as a publisher: letters, digits, dots, dashes and underscores. It belongs to your key
    #[arg(long, value_name = "NAME")]
    publisher: String,
    /// The text of the engine's licence
    #[arg(long, value_name = "FILE")]
    licence: PathBuf,
    /// A file or folder for the resource directory, such as a model; may be given more than once
    #[arg(long, value_name = "PATH")]
    resource: Vec<PathBuf>,
    /// A preset; may be given more than once
    #[arg(long, value_name = "FILE")]
    preset: Vec<PathBuf>,
    /// Folder for the package NAME-VERSION-TARGET.auricle
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Make and show keys of a publisher
#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a private key, and print its public key. Keep the file secret, and a copy of it: without it you cannot publish updates
    Generate {
        /// The new file
        file: PathBuf,
    },
    /// Print the public key of a private key. Publish it where operators can compare it
    Show {
        /// The file of the private key
        file: PathBuf,
    },
}

/// Add a package to the directories of a server, which may be running
///
/// The first package of a publisher needs --trust with the publisher's public key. Later ones must be signed with the same key.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// A package; with --from the name of one, which is then the highest version, or NAME@VERSION
    package: PathBuf,
    /// An address with `index.json` and packages: https://HOST/FOLDER
    #[arg(long, value_name = "URL", value_parser = download::address)]
    from: Option<String>,
    /// PEM file with the authorities that the address's certificate is verified with, instead of the public ones
    #[arg(long, value_name = "FILE", requires = "from")]
    ca: Option<PathBuf>,
    /// The plugin directory
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
    /// The resource directory, for packages with resources
    #[arg(long, value_name = "DIR")]
    resources: Option<PathBuf>,
    /// Directory with auricle.toml and presets/, for packages with presets
    #[arg(long, value_name = "DIR")]
    configs: Option<PathBuf>,
    /// Trust a new publisher that has this public key
    #[arg(long, value_name = "KEY")]
    trust: Option<PublicKey>,
    /// Trust a new publisher, whatever its key
    #[arg(long, conflicts_with = "trust")]
    yes: bool,
    /// Accept only the publishers in this file, which has the form of PLUGINS/.packages/publishers.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trust", "yes"])]
    publishers: Option<PathBuf>,
    /// Replace a higher version
    #[arg(long)]
    allow_downgrade: bool,
}

pub(super) fn run(args: &PluginArgs) -> ExitCode {
    let done = match &args.command {
        PluginCommand::Pack(args) => run_pack(args),
        PluginCommand::Sign { files, key } => run_sign(files, key),
        PluginCommand::Verify { file, key, format } => run_verify(file, *key, *format),
        PluginCommand::Index { folder } => index_of(folder).map_err(text).map(|Index { packages }| {
            let entries = packages.iter().map(|entry| format!("{} {} ({})", entry.name, entry.version, entry.target));
            print(
                &entries.chain([format!("written to {}", folder.join(INDEX).display())]).collect::<Vec<_>>().join("\n"),
            )
        }),
        PluginCommand::Key(KeyCommand::Generate { file }) => named(file, SigningKey::generate(file)).map(|key| {
            eprintln!("{}: the private key; this is its public key:", file.display());
            print(&key.public().to_string())
        }),
        PluginCommand::Key(KeyCommand::Show { file }) => {
            named(file, SigningKey::read(file)).map(|key| print(&key.public().to_string()))
        }
        PluginCommand::Add(args) => run_add(args),
        PluginCommand::List { plugins, format } => run_list(plugins, *format),
        PluginCommand::Remove { name, plugins, force } => remove(plugins, name, *force)
            .map_err(text)
            .map(|record| print(&format!("removed {} {}", record.manifest.name, record.manifest.version))),
    };
    done.unwrap_or_else(fail)
}

fn text(problem: impl Display) -> String {
    problem.to_string()
}

fn named<T>(file: &Path, result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|problem| format!("{}: {problem}", file.display()))
}

fn run_pack(args: &PackArgs) -> Result<ExitCode, String> {
    let sources = Sources {
        engine: args.engine.clone(),
        licence: args.licence.clone(),
        resources: args.resource.clone(),
        presets: args.preset.clone(),
        publisher: args.publisher.clone(),
    };
    let (file, manifest) = pack(&sources, &args.out).map_err(text)?;
    eprintln!("{}; sign it before you publish it", describe::contents(&manifest));
    Ok(print(&file.display().to_string()))
}

fn run_sign(files: &[PathBuf], key: &Path) -> Result<ExitCode, String> {
    let key = named(key, SigningKey::read(key))?;
    for file in files {
        named(file, sign(file, &key))?;
    }
    Ok(print(&format!("signed with the key {}", key.public())))
}

fn run_verify(file: &Path, key: Option<PublicKey>, format: Format) -> Result<ExitCode, String> {
    let package = named(file, Package::open(file))?;
    if let Some(expected) = key.filter(|expected| *expected != package.key()) {
        return Err(format!("{}: signed with the key {}, not with {expected}", file.display(), package.key()));
    }
    Ok(match format.is_json() {
        true => print_json(&json!({"key": package.key(), "manifest": package.manifest()})),
        false => print(&describe::package(&package)),
    })
}

fn run_add(args: &AddArgs) -> Result<ExitCode, String> {
    let records = Records::of(&args.plugins);
    let file = args.publishers.clone().unwrap_or_else(|| records.publishers());
    let mut publishers = Publishers::read(&file).map_err(text)?;
    let policy = Policy {
        trust: args.trust,
        trust_new: args.yes,
        pinned: args.publishers.is_some(),
        downgrade: args.allow_downgrade,
    };
    let directories = Directories {
        plugins: args.plugins.clone(),
        resources: args.resources.clone(),
        presets: args.configs.as_ref().map(|configs| configs.join("presets")),
    };
    let shown = args.package.display();
    let downloaded;
    let (file, name) = match &args.from {
        None => (args.package.clone(), None),
        Some(address) => {
            let folder = Folder::new(address, args.ca.as_deref())?;
            let wanted = args.package.to_string_lossy();
            let (name, version) =
                wanted.split_once('@').map_or((&*wanted, None), |(name, version)| (name, Some(version)));
            let at = |problem: IndexError| format!("{address}: {problem}");
            let index = Index::from_json(&folder.read(INDEX)?).map_err(at)?;
            downloaded = folder.download(index.find(name, version, LibraryManifest::TARGET).map_err(at)?)?;
            (downloaded.path().to_owned(), Some(name.to_owned()))
        }
    };
    let mut package = Package::open(&file).map_err(|problem| format!("{shown}: {problem}"))?;
    if name.is_some_and(|name| name != package.manifest().name) {
        return Err(format!("{shown}: the package is `{}`, not what its index says", package.manifest().name));
    }
    eprintln!("{}", describe::package(&package));
    let added = add(&mut package, &directories, &mut publishers, policy);
    let added = added.map_err(|problem| format!("{shown}: {problem}"))?;
    let (name, version) = (&package.manifest().name, &package.manifest().version);
    Ok(match added {
        Added::Same => print(&format!("{name} {version} is installed already")),
        Added::Installed { replaced, kept } => {
            for preset in kept {
                eprintln!("{} was kept: it is not as the package installed it", preset.display());
            }
            let instead =
                replaced.filter(|old| old != version).map_or_else(String::new, |old| format!(" in place of {old}"));
            print(&format!("added {name} {version}{instead} to {}", args.plugins.display()))
        }
    })
}

fn run_list(plugins: &Path, format: Format) -> Result<ExitCode, String> {
    let records = Records::of(plugins).all().map_err(text)?;
    let listed: Vec<_> = records.iter().map(|record| Listed::new(record, plugins)).collect();
    let changed = listed.iter().filter(|one| one.state != Installed::Unchanged).count();
    let printed = match format.is_json() {
        true => print_json(&listed),
        false if listed.is_empty() => print("no packages"),
        false => print(&listed.iter().map(Listed::describe).collect::<Vec<_>>().join("\n")),
    };
    if changed > 0 {
        return Err(format!("{} not as installed", count(changed, "package")));
    }
    Ok(printed)
}
