package org.telltale.session

import java.io.File
import java.time.Instant
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.telltale.FakeEngines
import org.telltale.app
import org.telltale.demoReport
import org.telltale.engine.EngineFactory
import org.telltale.engine.RustEngine
import org.telltale.engine.WatchedValue
import org.telltale.engine.parseReport
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.report.Summary

@RunWith(RobolectricTestRunner::class)
class AnalysisTest {
    private val engines = FakeEngines()
    private val imei = WatchedValue("imei", "001017001234569")

    private fun session(recording: ByteArray): SessionFiles =
        SessionStore(app).create(Instant.parse("2026-11-22T21:29:00Z")).apply { this.recording.writeBytes(recording) }

    @Test
    fun readsTheWholeRecordingWithTheValues() {
        val files = session(ByteArray(200_000)).apply { write(Summary(source = "router.pcap", failure = "REVOKED")) }
        Analysis { engines }.run(files, "NO", listOf(imei))
        assertEquals(200_000, engines.last.fed)
        assertEquals(listOf("router.pcap", "NO", listOf(imei), null), engines.last.config.run { listOf(source, home, watch, recording) })
        assertTrue(engines.last.closed)
        assertEquals("why it ended is kept", listOf("router.pcap", "REVOKED", true), files.summary().run { listOf(source, failure, values) })
    }

    @Test
    fun aBrokenEngineIsClosed() {
        val files = session(ByteArray(10))
        val broken = EngineFactory { config, host, events ->
            engines.open(config, host, events).also { engines.last.broken = RuntimeException("x") }
        }
        val failing = Analysis { broken }
        assertThrows(RuntimeException::class.java) { failing.run(files, null, emptyList()) }
        assertTrue(engines.last.closed)
        assertFalse(files.json.exists())
    }

    @Test
    fun theRealEngineFindsTheValuesAndMasksThem() {
        assumeTrue("skipped: no engine given (run `cargo xtask test`)", File(System.getProperty("telltale.engine").orEmpty()).isFile)
        val files = session(File("../rust/cli/tests/golden/demo-boot/capture.pcapng").readBytes())
        val analysis = Analysis { RustEngine.FACTORY }
        val report = analysis.run(files, null, listOf(imei))
        assertEquals(parseReport(demoReport()).flows.map { it.host }, report.flows.map { it.host })
        assertEquals(listOf("imei"), report.coverage.watched)
        val found = report.findings.flatMap { it.identifiers }.filter { it.confidence == "known" }
        assertTrue("the given value was found", found.isNotEmpty())
        assertFalse("and masked", imei.value in files.json.readText() || imei.value in files.html.readText())
        assertTrue("unless asked for", analysis.values(files, null, listOf(imei)).findings.any { one -> one.identifiers.any { it.masked == imei.value } })
        assertTrue(files.summary().ended)
    }

    @Test
    fun theRealEngineSaysWhatIsNoCapture() {
        assumeTrue("skipped: no engine given (run `cargo xtask test`)", File(System.getProperty("telltale.engine").orEmpty()).isFile)
        val error = assertThrows(IllegalArgumentException::class.java) {
            Analysis { RustEngine.FACTORY }.run(session("a cat, not a capture ".repeat(50).toByteArray()), null, emptyList())
        }
        assertTrue("${error.message}", "2026-11-22T21-29-00.pcapng" in error.message.orEmpty())
    }
}
