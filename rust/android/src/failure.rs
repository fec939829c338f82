//! What goes wrong in a call, and the Java exception that says so.

use std::any::Any;
use std::fmt;

use jni::Env;
use jni::errors::{Error, ErrorPolicy};
use jni::jni_str;
use jni::strings::{JNIStr, JNIString};

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An argument is null: its name.
    Null(&'static str),
    /// An argument that means nothing: `IllegalArgumentException`.
    Argument(String),
    /// The wrong moment: `IllegalStateException`.
    State(String),
    /// The engine failed: `RuntimeException`.
    Engine(String),
    /// Java could not be spoken to.
    Java(Error),
}

impl Failure {
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }

    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::State(message.into())
    }

    /// What a caught panic says.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("for no stated reason");
        Self::Engine(format!("the engine failed: {said}"))
    }

    fn class(&self) -> &'static JNIStr {
        match self {
            Self::Null(_) => jni_str!("java/lang/NullPointerException"),
            Self::Argument(_) => jni_str!("java/lang/IllegalArgumentException"),
            Self::State(_) => jni_str!("java/lang/IllegalStateException"),
            Self::Engine(_) | Self::Java(_) => jni_str!("java/lang/RuntimeException"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null(name) => write!(f, "{name} is null"),
            Self::Argument(message) | Self::State(message) | Self::Engine(message) => f.write_str(message),
            Self::Java(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Java(error)
    }
}

/// Throws failures and panics, with their texts, and returns null or 0.
pub(crate) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        throw(env, &failure);
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        throw(env, &Failure::panicked(&*payload));
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, failure: &Failure) {
    // An exception that is on its way already says more than we could.
    if env.exception_check() {
        return;
    }
    // Not by the thread's class loader, which a thread of ours may not have. These classes are Java's own.
    let Ok(class) = env.find_class(failure.class()) else { return };
    // Throwing answers with the error that an exception is on its way.
    let _ = env.throw_new(class, JNIString::from(failure.to_string()));
}
