//! A person's addresses and wishes: which address may be used, and the keywords by which a person
//! says stop.

pub mod consent;
pub mod keyword;

pub use consent::Consent;
pub use keyword::Keyword;
