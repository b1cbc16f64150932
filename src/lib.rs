//! expsd: an SMTP receive daemon that answers as a Microsoft Exchange receive connector does,
//! and says why.
//!
//! In a test, start an [`ExchangeServer`]. What lies below it, from the ground up:
//!
//! | room | holds |
//! |---|---|
//! | [`smtp`] | the language: commands, replies, addresses, DATA and BDAT |
//! | [`directory`] | accounts, groups, accepted domains |
//! | [`connector`] | a receive connector: parameters, rights, rules, defaults |
//! | [`scope`] | which connector a connection meets, and why; what is wrong with a set |
//! | [`rules`] | failure rules: when, then, how often |
//! | [`auth`] | the mechanisms behind AUTH and X-EXPS |
//! | [`config`] | the configuration file |
//! | [`session`] | one conversation, free of I/O |
//! | [`tls`], [`capture`], [`journal`] | certificates, kept messages, the record |
//! | [`server`] | listeners, connections, shutdown |
//! | [`web`] | the REST API, webhooks, health and metrics |
//! | [`middlebox`] | the firewall between |
//! | [`probe`] | the sending peer: what a receiver looks like from outside |
//! | [`lab`] | what a lesson needs around the daemon |

pub mod auth;
pub mod capture;
pub mod config;
pub mod connector;
pub mod directory;
mod embed;
pub mod journal;
pub mod lab;
pub mod middlebox;
pub mod probe;
pub mod rules;
pub mod scope;
pub mod server;
pub mod session;
pub mod smtp;
pub mod tls;
pub mod web;

pub use embed::{Builder, ExchangeServer};
