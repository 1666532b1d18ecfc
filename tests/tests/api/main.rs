//! The API of `wallflower serve`: whatever is asked, the answer is the right one, and the one that the OpenAPI document promises.

mod document;
mod refusals;
mod server;
mod shares;
mod truths;
