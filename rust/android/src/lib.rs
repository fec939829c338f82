//! The engine as Android's Java calls it: seven functions, two upcalls, documented in `NativeEngine.kt`.
//!
//! Handles are keys in a table, never pointers. Every function catches errors and panics and throws them as Java
//! exceptions with a reason. The engine of a live session runs on a thread of its own.

#[cfg(all(target_os = "android", feature = "ndkless-unwind"))]
extern crate unwinding as _;

mod config;
mod drill;
mod engine;
mod event;
mod failure;
mod fed;
mod handle;
mod live;
mod platform;
mod queue;
mod rendering;

use jni::objects::{JByteArray, JByteBuffer, JClass, JObject, JString};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use crate::engine::Engine;
use crate::failure::{Failure, Throw};
use crate::platform::Platform;

/// `open(config: ByteArray, host: EngineHost): Long`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_open<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    config: JByteArray<'local>,
    host: JObject<'local>,
) -> jlong {
    env.with_env(|env| -> Result<jlong, Failure> {
        prepare();
        let config = bytes(env, &config, "config")?;
        if host.is_null() {
            return Err(Failure::Null("host"));
        }
        let platform = Platform::new(env, &host)?;
        Ok(handle::insert(Engine::new(config::parse(&config)?, platform)))
    })
    .resolve::<Throw>()
}

/// `attach(handle: Long, tunFd: Int)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_attach<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    fd: jint,
) {
    env.with_env(|_| handle::get(handle)?.attach(fd)).resolve::<Throw>();
}

/// `feed(handle: Long, packets: ByteBuffer, length: Int)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_feed<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    packets: JByteBuffer<'local>,
    length: jint,
) {
    env.with_env(|env| {
        let engine = handle::get(handle)?;
        engine.feed(direct(env, &packets, length)?)
    })
    .resolve::<Throw>();
}

/// `mark(handle: Long, phase: String)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_mark<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    phase: JString<'local>,
) {
    env.with_env(|env| handle::get(handle)?.mark(&text(env, &phase, "phase")?)).resolve::<Throw>();
}

/// `nextEvent(handle: Long): ByteArray?`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_nextEvent<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| match handle::get(handle)?.next_event() {
        Some(event) => Ok(env.byte_array_from_slice(&event)?),
        None => Ok::<_, Failure>(JByteArray::null()),
    })
    .resolve::<Throw>()
}

/// `report(handle: Long, format: String, showValues: Boolean): ByteArray`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_report<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    format: JString<'local>,
    show_values: jboolean,
) -> JByteArray<'local> {
    env.with_env(|env| -> Result<_, Failure> {
        let engine = handle::get(handle)?;
        let format = text(env, &format, "format")?.parse()?;
        let rendered = rendering::render(&engine.report()?, format, show_values);
        Ok(env.byte_array_from_slice(rendered.as_bytes())?)
    })
    .resolve::<Throw>()
}

/// `close(handle: Long)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_telltale_engine_NativeEngine_close<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    env.with_env(|_| -> Result<(), Failure> {
        handle::remove(handle)?.close();
        Ok(())
    })
    .resolve::<Throw>();
}

/// Sets up the log, once a process. Where a panic happened goes there, what it says does not: it may hold payload.
fn prepare() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "android")]
        android_logger::init_once(
            android_logger::Config::default().with_max_level(log::LevelFilter::Info).with_tag("telltale"),
        );
        std::panic::set_hook(Box::new(|info| match info.location() {
            Some(place) => log::error!("the engine panicked at {place}"),
            None => log::error!("the engine panicked"),
        }));
    });
}

fn bytes(env: &Env<'_>, array: &JByteArray<'_>, name: &'static str) -> Result<Vec<u8>, Failure> {
    if array.is_null() {
        return Err(Failure::Null(name));
    }
    Ok(env.convert_byte_array(array)?)
}

fn text(env: &Env<'_>, string: &JString<'_>, name: &'static str) -> Result<String, Failure> {
    if string.is_null() {
        return Err(Failure::Null(name));
    }
    Ok(string.try_to_string(env)?)
}

/// The first `length` bytes of a direct buffer, for as long as the call lasts.
fn direct<'a>(env: &Env<'_>, buffer: &'a JByteBuffer<'_>, length: jint) -> Result<&'a [u8], Failure> {
    if buffer.is_null() {
        return Err(Failure::Null("packets"));
    }
    let no_direct = |_| Failure::argument("packets: not a direct buffer; make it with allocateDirect");
    let capacity = env.get_direct_buffer_capacity(buffer).map_err(no_direct)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= capacity).ok_or_else(|| {
        Failure::argument(format!("length: {length} bytes do not fit a buffer of {capacity}"))
    })?;
    if length == 0 {
        return Ok(&[]);
    }
    let address = env.get_direct_buffer_address(buffer).map_err(no_direct)?;
    // SAFETY: a direct buffer's memory stays where it is, `capacity` bytes long, as long as the buffer is referenced,
    // which the caller does during the call (Java Native Interface Specification, GetDirectBufferAddress). Its Java
    // owner must not write to it meanwhile, as `NativeEngine.kt` says.
    Ok(unsafe { std::slice::from_raw_parts(address, length) })
}
