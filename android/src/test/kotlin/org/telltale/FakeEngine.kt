package org.telltale

import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.CopyOnWriteArrayList
import org.json.JSONArray
import org.json.JSONObject
import org.telltale.engine.Engine
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineEvent
import org.telltale.engine.EngineFactory
import org.telltale.engine.EngineHost
import org.telltale.engine.Finding
import org.telltale.engine.Format
import org.telltale.engine.Phase
import org.telltale.engine.parseReport

/** An engine that does what a test says, and remembers what it was told. */
class FakeEngine(val config: EngineConfig, val host: EngineHost, private val events: (EngineEvent) -> Unit) : Engine {
    val tuns = CopyOnWriteArrayList<Int>()
    val marks = CopyOnWriteArrayList<Phase>()
    var fed = 0
    @Volatile var closed = false
    @Volatile var broken: RuntimeException? = null
    @Volatile var report: ByteArray = demoReport()

    /** Sends [event], as from the engine's thread. */
    fun emit(event: EngineEvent) = events(event)

    override fun attach(fd: Int) {
        broken?.let { throw it }
        tuns += fd
    }

    override fun feed(packets: ByteBuffer, length: Int) {
        broken?.let { throw it }
        check(packets.isDirect)
        fed += length
    }

    override fun mark(phase: Phase) {
        broken?.let { throw it }
        // As the real one: a capture has its own marks.
        check(fed == 0) { "mark: this session reads a capture" }
        marks += phase
        if (phase == Phase.STOPPED) emit(EngineEvent.Ended(EngineEvent.End.STOPPED, null))
    }

    override fun report(format: Format, showValues: Boolean): ByteArray {
        broken?.let { throw it }
        return if (format == Format.JSON && showValues) demoReport(true) else if (format == Format.JSON) report else "<!doctype html>".toByteArray()
    }

    override fun close() {
        closed = true
    }
}

/** Opens fake engines and keeps them. */
class FakeEngines : EngineFactory {
    val opened = CopyOnWriteArrayList<FakeEngine>()
    var refusal: RuntimeException? = null
    val last: FakeEngine get() = opened.last()

    override fun open(config: EngineConfig, host: EngineHost, events: (EngineEvent) -> Unit): Engine {
        refusal?.let { throw it }
        return FakeEngine(config, host, events).also { opened += it }
    }
}

/** The engine's own report of the demo's recording, a first boot that registers in clear: with the values, or masked. */
fun demoReport(showValues: Boolean = false): ByteArray {
    val json = File("../rust/cli/tests/golden/demo-boot/report.json").readText()
    if (showValues) return json.toByteArray()
    val report = JSONObject(json)
    objects(report.getJSONArray("findings")).flatMap { objects(it.getJSONArray("identifiers")) }.forEach { identifier ->
        val value = identifier.getString("value")
        identifier.put("value", value.take(4) + "*".repeat(value.length - 6) + value.takeLast(2))
    }
    return report.toString().toByteArray()
}

/** The demo's findings as a running session has them: masked, with the values beside. */
fun demoFindings(): List<Finding> {
    val values = parseReport(demoReport(showValues = true)).findings
    return parseReport(demoReport()).findings.zip(values) { masked, plain ->
        masked.copy(identifiers = masked.identifiers.zip(plain.identifiers) { a, b -> a.copy(value = b.masked) })
    }
}

private fun objects(array: JSONArray): List<JSONObject> = List(array.length(), array::getJSONObject)
