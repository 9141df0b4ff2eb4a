//! Packages that were changed, that a dishonest publisher made, and what is installed of honest ones.

mod dishonest;
mod installed;
mod made;
mod tampered;
