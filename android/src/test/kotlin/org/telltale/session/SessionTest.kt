package org.telltale.session

import java.io.File
import java.time.Instant
import java.util.concurrent.Executor
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.telltale.FakeEngines
import org.telltale.demoReport
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineEvent
import org.telltale.engine.NoHost
import org.telltale.engine.Phase
import org.telltale.engine.PhaseMark
import org.telltale.engine.parseReport
import org.telltale.report.SessionFiles

@RunWith(RobolectricTestRunner::class)
class SessionTest {
    @get:Rule val folder = TemporaryFolder()

    private val engines = FakeEngines()
    private val later = ArrayDeque<() -> Unit>()
    private val delays = ArrayList<Long>()
    private val states = ArrayList<SessionState>()
    private val session = Session({ engines }, Executor { it.run() }, { millis, action -> delays += millis; later += action }, { NOW })
    private val files by lazy { SessionFiles(folder.newFolder("2026-11-24T08-00-00")) }

    private fun prepare() = session.prepare(files, EngineConfig("s"), NoHost)

    private fun run() {
        assertTrue(prepare())
        assertTrue(session.attach { 7 })
    }

    private fun deliver() {
        while (later.isNotEmpty()) later.removeFirst()()
    }

    @Test
    fun goesFromIdleToDone() {
        session.add { states += it.state }
        prepare()
        deliver()
        session.attach { 7 }
        deliver()
        session.mark(Phase.UNLOCK)
        deliver()
        session.stop()
        deliver()
        assertEquals(
            listOf(
                SessionState.Idle,
                SessionState.Preparing,
                SessionState.Running(Phase.STARTED, NOW),
                SessionState.Running(Phase.UNLOCK, NOW),
                SessionState.Done(files.name),
            ),
            states.distinct(),
        )
        assertEquals(listOf(Phase.UNLOCK, Phase.STOPPED), engines.last.marks.toList())
        assertEquals(listOf(7), engines.last.tuns.toList())
        assertTrue(engines.last.closed)
        assertEquals(23, parseReport(files.json.readBytes()).flows.size)
        assertTrue(files.html.isFile)
        val summary = files.summary()
        assertEquals(listOf(true, 5, 23, "CRITICAL", null), summary.run { listOf(ended, findings, flows, worst, failure) })
    }

    @Test
    fun runsOneAtATime() {
        run()
        assertFalse(session.prepare(SessionFiles(folder.newFolder("b")), EngineConfig("b"), NoHost))
        assertEquals(1, engines.opened.size)
    }

    @Test
    fun canRunAgain() {
        run()
        session.stop()
        assertTrue(session.prepare(SessionFiles(folder.newFolder("b")), EngineConfig("b"), NoHost))
        assertEquals(SessionState.Preparing, session.view.state)
        assertEquals("b", session.view.name)
    }

    @Test
    fun aRefusalOfTheEngineIsAFailure() {
        engines.refusal = IllegalArgumentException("bad configuration")
        assertFalse(prepare())
        assertEquals(SessionState.Failed(Failure.ENGINE, "bad configuration", files.name), session.view.state)
    }

    @Test
    fun anEngineThatDiesIsClosedAndNamed() {
        run()
        engines.last.broken = RuntimeException("the engine failed")
        engines.last.emit(EngineEvent.Ended(EngineEvent.End.PANICKED, "index out of bounds"))
        assertEquals(SessionState.Failed(Failure.ENGINE, "index out of bounds", files.name), session.view.state)
        assertTrue("the TUN is closed", engines.last.closed)
        assertEquals("ENGINE", files.summary().failure)
        assertTrue(files.summary().ended)
        assertFalse("nothing more is accepted", session.mark(Phase.UNLOCK))
    }

    @Test
    fun anExceptionEndsTheSession() {
        run()
        engines.last.broken = RuntimeException("the engine failed")
        assertFalse(session.mark(Phase.UNLOCK))
        assertTrue(engines.last.closed)
        assertEquals(Failure.ENGINE, (session.view.state as SessionState.Failed).reason)
    }

    @Test
    fun aLostTunnelStillLeavesAReport() {
        run()
        session.stop(Failure.REVOKED)
        assertEquals(SessionState.Failed(Failure.REVOKED, null, files.name), session.view.state)
        assertEquals("REVOKED", files.summary().failure)
        assertEquals(23, files.summary().flows)
        assertTrue(files.json.isFile)
    }

    @Test
    fun aFailureBeforeTheStartIsTold() {
        session.stop(Failure.CONSENT)
        assertEquals(SessionState.Failed(Failure.CONSENT, null, null), session.view.state)
    }

    @Test
    fun anUnreadableReportIsAFailureNotACrash() {
        run()
        engines.last.report = "{}".toByteArray()
        session.stop()
        assertEquals(Failure.ENGINE, (session.view.state as SessionState.Failed).reason)
    }

    @Test
    fun fullStorageIsAFailureNotACrash() {
        run()
        File(files.dir, "report.json").mkdirs()
        File(files.dir, "report.json/x").createNewFile()
        session.stop()
        assertEquals(Failure.STORAGE, (session.view.state as SessionState.Failed).reason)
        assertTrue(engines.last.closed)
    }

    @Test
    fun listsWhatTheEngineSees() {
        run()
        val report = parseReport(demoReport())
        report.flows.forEach { engines.last.emit(EngineEvent.FlowSeen(it)) }
        report.findings.forEach { engines.last.emit(EngineEvent.Flagged(it)) }
        engines.last.emit(EngineEvent.FlowSeen(report.flows[0].copy(host = "named.example")))
        val view = session.view
        assertEquals("the newest first", 23L, view.flows.first().id)
        assertEquals("the same id is the same flow", "named.example", view.flows.last().host)
        assertEquals(Counts(23, 20, 3, 0), view.counts)
        assertEquals(listOf(5L, 4L, 3L, 2L, 1L), view.findings.map { it.id })
    }

    @Test
    fun forgetsOldFlowsButCountsThem() {
        val flow = parseReport(demoReport()).flows[0]
        val sightings = Sightings(maxFlows = 10)
        (1L..25L).forEach { sightings.add(EngineEvent.FlowSeen(flow.copy(id = it))) }
        val view = sightings.view(SessionState.Idle, null)
        assertEquals((25L downTo 16L).toList(), view.flows.map { it.id })
        assertEquals(25, view.counts.flows)
    }

    @Test
    fun troubleEndsWhenItIsOver() {
        run()
        engines.last.emit(EngineEvent.Trouble("no_route", 3, false, "x"))
        assertEquals(listOf("no_route"), session.view.troubles.map { it.what })
        engines.last.emit(EngineEvent.Trouble("no_route", 3, true, "x"))
        assertEquals(emptyList<Any>(), session.view.troubles)
        engines.last.emit(EngineEvent.PhaseEntered(Phase.UNLOCK, NOW))
        assertEquals(listOf(PhaseMark(Phase.UNLOCK, NOW)), session.view.phases)
    }

    @Test
    fun manyEventsAreOneNotice() {
        run()
        deliver()
        delays.clear()
        val flow = parseReport(demoReport()).flows[0]
        repeat(1_000) { engines.last.emit(EngineEvent.FlowSeen(flow.copy(id = it + 1L))) }
        assertEquals(listOf(250L), delays)
    }

    private companion object {
        val NOW: Instant = Instant.parse("2026-11-24T08:00:00Z")
    }
}
