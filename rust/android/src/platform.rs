//! The platform behind the engine: Java's `EngineHost`, asked on the engine's threads.

use std::os::fd::{AsRawFd, BorrowedFd};

use jni::errors::Error;
use jni::objects::{JByteArray, JObject, JString, JValue};
use jni::refs::Global;
use jni::{Env, JavaVM, jni_sig, jni_str};
use packet::{App, FlowKey, Transport};

use crate::failure::Failure;

/// Java's object, for as long as the session lives.
pub(crate) struct Platform {
    vm: JavaVM,
    host: Global<JObject<'static>>,
}

impl Platform {
    pub(crate) fn new(env: &Env<'_>, host: &JObject<'_>) -> Result<Self, Failure> {
        Ok(Self { vm: env.get_java_vm()?, host: env.new_global_ref(host)? })
    }

    /// Calls Java. An exception there is caught, and counts as no answer: it must not end the session.
    fn ask<T>(&self, what: &str, call: impl FnOnce(&mut Env<'_>) -> Result<T, Error>) -> Option<T> {
        let answer = self.vm.attach_current_thread(call);
        answer.inspect_err(|error| log::warn!("{what}: {}", kind(error))).ok()
    }
}

/// What went wrong, without what an exception says: it may name hosts.
fn kind(error: &Error) -> String {
    match error {
        Error::CaughtJavaException { name, .. } => format!("threw {name}"),
        error => error.to_string(),
    }
}

impl tunnel::Host for Platform {
    fn protect(&self, socket: BorrowedFd<'_>) -> bool {
        let fd = [JValue::Int(socket.as_raw_fd())];
        self.ask("protect", |env| {
            env.call_method(&self.host, jni_str!("protect"), jni_sig!("(I)Z"), &fd)?.z()
        })
        .unwrap_or(false)
    }

    fn owner(&self, flow: &FlowKey) -> Option<App> {
        let json = self.ask("owner", |env| {
            let local = address(env, flow.local.ip())?;
            let remote = address(env, flow.remote.ip())?;
            let arguments = [
                JValue::Int(protocol(flow.transport)),
                JValue::Object(&local),
                JValue::Int(flow.local.port().into()),
                JValue::Object(&remote),
                JValue::Int(flow.remote.port().into()),
            ];
            let sig = jni_sig!("(I[BI[BI)Ljava/lang/String;");
            let answer = env.call_method(&self.host, jni_str!("owner"), sig, &arguments)?.l()?;
            if answer.is_null() {
                return Ok(None);
            }
            let answer = env.cast_local::<JString<'_>>(answer)?;
            answer.try_to_string(env).map(Some)
        })??;
        serde_json::from_str(&json).inspect_err(|_| log::warn!("owner: the answer is no app")).ok()
    }
}

fn address<'local>(env: &mut Env<'local>, ip: std::net::IpAddr) -> Result<JByteArray<'local>, Error> {
    match ip {
        std::net::IpAddr::V4(ip) => env.byte_array_from_slice(&ip.octets()),
        std::net::IpAddr::V6(ip) => env.byte_array_from_slice(&ip.octets()),
    }
}

/// The numbers of RFC 790 and RFC 4443, as `OsConstants` has them.
const fn protocol(transport: Transport) -> i32 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
        Transport::Icmp => 1,
    }
}
