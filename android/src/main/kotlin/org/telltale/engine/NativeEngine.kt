package org.telltale.engine

import java.nio.ByteBuffer

/**
 * The Rust library's functions, as they are: handles, bytes and exceptions. Only [RustEngine] calls them.
 *
 * A stale handle, or a call that does not suit the session, throws [IllegalStateException]; a bad argument throws
 * [IllegalArgumentException]; a failure of the engine itself throws [RuntimeException].
 */
internal object NativeEngine {
    init {
        // Tests on a JVM name the host's build; it lies in no library path.
        val path = System.getProperty("telltale.engine")
        if (path.isNullOrEmpty()) System.loadLibrary("telltale_engine") else System.load(path)
    }

    /** Opens a session; [config] is the JSON of [EngineConfig]. */
    @JvmStatic external fun open(config: ByteArray, host: EngineHost): Long

    /** Gives [tunFd] away; a later call replaces the TUN. */
    @JvmStatic external fun attach(handle: Long, tunFd: Int)

    /** The next [length] bytes of a capture file, in a direct buffer, cut anywhere. */
    @JvmStatic external fun feed(handle: Long, packets: ByteBuffer, length: Int)

    /** [phase] is a [Phase]'s word; `stopped` ends the session. */
    @JvmStatic external fun mark(handle: Long, phase: String)

    /** Waits for the next event; null when there will be none. */
    @JvmStatic external fun nextEvent(handle: Long): ByteArray?

    /** A report in `json`, `html`, `text` or `csv`; of what was seen so far while the session runs. */
    @JvmStatic external fun report(handle: Long, format: String, showValues: Boolean): ByteArray

    /** Ends the session if it runs and frees it. */
    @JvmStatic external fun close(handle: Long)
}
