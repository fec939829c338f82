package org.telltale.engine

import java.nio.ByteBuffer

/** One session of the engine: a TUN that is watched, or a capture that is read. */
interface Engine : AutoCloseable {
    /** Watches the TUN [fd], which the engine now owns. A later call replaces it without a gap. */
    fun attach(fd: Int)

    /**
     * Reads the next [length] bytes of a capture file.
     *
     * @param packets a direct buffer.
     * @throws IllegalArgumentException the capture cannot be read; the message says where and why.
     */
    fun feed(packets: ByteBuffer, length: Int)

    /** Says that the phone has entered [phase]. [Phase.STOPPED] ends the session. */
    fun mark(phase: Phase)

    /** A report of what was seen so far, identifiers masked unless [showValues]. */
    fun report(format: Format, showValues: Boolean = false): ByteArray

    /** Ends the session and frees it. A second call does nothing. */
    override fun close()
}

/** The formats of a report. */
enum class Format(val word: String) { JSON("json"), HTML("html"), TEXT("text"), CSV("csv") }

/** Opens sessions: the native engine in the app, another one in tests. */
fun interface EngineFactory {
    /**
     * @param events gets every event, in order, on a thread of the engine's.
     * @throws IllegalArgumentException the configuration is refused.
     */
    fun open(config: EngineConfig, host: EngineHost, events: (EngineEvent) -> Unit): Engine
}
