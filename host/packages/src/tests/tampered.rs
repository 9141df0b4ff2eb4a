//! A package that was changed after it was signed: whatever was changed, it is refused.

use super::made::{Publisher, open, refusal};
use crate::{
    Package,
    envelope::{HEAD, MARK},
};
use proptest::prelude::*;
use std::{fs, sync::OnceLock};

const KEY: usize = MARK.len();
const SIGNATURE: usize = KEY + 32;
const CHANGED: &str = "its signature is not valid";
const OTHER: &str = "is not a package";

fn package() -> &'static [u8] {
    static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();
    PACKAGE.get_or_init(|| fs::read(Publisher::new().package("1.0.0")).unwrap())
}

#[test]
fn each_region_is_protected_and_says_so() {
    assert!(open(package()).is_ok());
    let changed = |at: usize| {
        let mut bytes = package().to_vec();
        bytes[at] ^= 1;
        refusal(&bytes)
    };
    for (region, at, reason) in [
        ("mark", 0, OTHER),
        ("version of the envelope", 13, OTHER),
        ("key", KEY, CHANGED),
        ("signature", SIGNATURE, CHANGED),
        ("end of the signature", HEAD - 1, CHANGED),
        ("compression's header", HEAD + 9, CHANGED),
        ("manifest", HEAD + 40, CHANGED),
        ("files", package().len() - 200, CHANGED),
        ("checksum", package().len() - 1, CHANGED),
    ] {
        let found = changed(at);
        assert!(found.contains(reason), "{region}: {found}");
    }
    for length in [0, 5, KEY, SIGNATURE + 3, HEAD - 1] {
        assert!(refusal(&package()[..length]).contains(OTHER), "{length}");
    }
    for length in [HEAD, HEAD + 1, package().len() - 1] {
        assert!(refusal(&package()[..length]).contains(CHANGED), "{length}");
    }
    for more in [&b"\0"[..], b"more", package()] {
        assert!(refusal(&[package(), more].concat()).contains(CHANGED));
    }
}

#[test]
fn a_signature_belongs_to_one_package_and_one_key() {
    let (one, other) = (Publisher::new(), Publisher::new());
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| fs::read(one.package(version)).unwrap());
    let foreign = fs::read(other.package("1.0.0")).unwrap();
    let with_head = |head: &[u8]| [&head[..HEAD], &first[HEAD..]].concat();
    assert!(refusal(&with_head(&second)).contains(CHANGED));
    // The archives are the same: what differs is the key.
    let swapped = [&first[..KEY], &foreign[KEY..SIGNATURE], &first[SIGNATURE..]].concat();
    assert!(refusal(&swapped).contains(CHANGED));
    assert!(foreign[HEAD..] == first[HEAD..] && open(&with_head(&foreign)).unwrap().key() == other.key.public());
    let unsigned = [&first[..KEY], &[0; HEAD - KEY], &first[HEAD..]].concat();
    assert!(refusal(&unsigned).contains("is not signed"));
    // Signing again replaces the signature.
    let file = one.dir.path().join("again.auricle");
    fs::write(&file, with_head(&second)).unwrap();
    crate::sign(&file, &one.key).unwrap();
    assert_eq!(Package::open(&file).unwrap().manifest().version, "1.0.0");
}

#[test]
fn every_single_byte_counts() {
    let mut bytes = package().to_vec();
    for at in 0..bytes.len() {
        bytes[at] ^= 0x20;
        assert!(open(&bytes).is_err(), "byte {at}");
        bytes[at] ^= 0x20;
    }
}

proptest! {
    #[test]
    fn any_change_is_refused(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..5),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        more in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = package().to_vec();
        for (at, flip) in flips {
            bytes[at.index(package().len())] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(package().len()));
        }
        bytes.extend(more);
        // Flips may cancel each other.
        prop_assert!(bytes == package() || open(&bytes).is_err());
    }
}
