package org.telltale.engine

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.concurrent.thread

/** The native engine's session, with the thread that waits for its events. */
class RustEngine private constructor(private val handle: Long) : Engine {
    private val closed = AtomicBoolean()

    override fun attach(fd: Int) = NativeEngine.attach(handle, fd)

    override fun feed(packets: ByteBuffer, length: Int) = NativeEngine.feed(handle, packets, length)

    override fun mark(phase: Phase) = NativeEngine.mark(handle, phase.word)

    override fun report(format: Format, showValues: Boolean): ByteArray = NativeEngine.report(handle, format.word, showValues)

    override fun close() {
        if (closed.compareAndSet(false, true)) NativeEngine.close(handle)
    }

    private fun deliver(events: (EngineEvent) -> Unit) {
        try {
            while (true) {
                val json = NativeEngine.nextEvent(handle) ?: return
                EngineEvent.parse(json)?.let(events)
            }
        } catch (stale: IllegalStateException) {
            // Closed between two events: nobody waits for the rest.
        }
    }

    companion object {
        /** Opens sessions of the native engine; the first one loads the library. */
        val FACTORY = EngineFactory { config, host, events ->
            RustEngine(NativeEngine.open(config.toJson(), host)).apply {
                thread(name = "engine events") { deliver(events) }
            }
        }
    }
}
