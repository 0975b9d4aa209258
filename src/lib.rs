//! wirelight: the HTTP/1.1 server you can see through.
#![forbid(unsafe_code)]

mod app;
mod http1;
