//! Who may see and do what in the console: people sign in by name, password and perhaps a code; a
//! cookie carries their session; a role says what they may do.

mod account;
mod address;
mod password;
mod session;
mod setup;
mod sign_in;
mod throttle;
mod totp;
mod users;

pub(super) use password::hash_now;
pub(super) use session::{Act, Denied, Signed, deed, new_token};
pub(super) use throttle::Throttle;

use crate::http::state::AppState;
use axum::Router;
use axum::routing::{get, post};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/setup", get(setup::page).post(setup::make))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::page))
        .route("/account/password", post(account::change_password))
        .route("/account/code", post(account::set_code))
        .route("/account/sessions/end", post(account::end_session))
        .route("/users", get(users::page).post(users::add))
        .route("/users/change", post(users::change))
}
