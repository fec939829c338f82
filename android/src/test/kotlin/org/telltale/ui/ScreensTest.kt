package org.telltale.ui

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.view.View
import android.widget.Button
import android.widget.ListView
import android.widget.Switch
import android.widget.TextView
import java.io.ByteArrayInputStream
import java.time.Instant
import java.util.TimeZone
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowVpnService
import org.telltale.FakeEngine
import org.telltale.FakeEngines
import org.telltale.R
import org.telltale.app
import org.telltale.awaitMain
import org.telltale.demoFindings
import org.telltale.demoReport
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineEvent
import org.telltale.engine.NoHost
import org.telltale.engine.Phase
import org.telltale.engine.WatchedValue
import org.telltale.engine.parseReport
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.report.Summary
import org.telltale.session.Failure
import org.telltale.session.Hold
import org.telltale.session.Settings
import org.telltale.session.WatchedValues
import org.telltale.text

@RunWith(RobolectricTestRunner::class)
@Config(qualifiers = "w411dp-h840dp-xhdpi")
class ScreensTest {
    private val engines = FakeEngines()
    private val report = parseReport(demoReport())

    @Before
    fun setUp() {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        ShadowVpnService.setPrepareResult(null)
        app.engineFactory = engines
        Shots.install(
            mapOf(
                "com.qualcomm.qti.autoregistration" to "Autoregistration",
                "com.google.android.gms" to "Google Play services",
                "com.example.weather" to "Weather",
                "com.example.browser" to "Browser",
                "com.android.networkstack" to "Network manager",
            ),
        )
    }

    private inline fun <reified T : Activity> open(intent: Intent? = null): T {
        val start = intent ?: Intent(app, T::class.java)
        return Robolectric.buildActivity(T::class.java, start).setup().get().also { awaitMain("drawn") { true } }
    }

    private fun session(at: String = "2026-11-22T21:29:00Z"): SessionFiles = SessionStore(app).create(Instant.parse(at))

    private fun run(findings: Boolean = true): FakeEngine {
        app.session.prepare(session(), EngineConfig("s"), NoHost)
        app.session.attach { 7 }
        app.session.cover(Hold(alwaysOn = true, lockdown = false))
        val engine = engines.last
        report.flows.forEach { engine.emit(EngineEvent.FlowSeen(it)) }
        if (findings) demoFindings().forEach { engine.emit(EngineEvent.Flagged(it)) }
        app.session.mark(Phase.UNLOCK)
        return engine
    }

    private fun saved(): SessionFiles = session().apply {
        write(demoReport(), "<html>".toByteArray())
        write(Summary(ended = true, values = true, flows = 23, readable = 20, encrypted = 3, findings = 5, worst = "CRITICAL"))
        recording.writeBytes(ByteArray(23_354))
    }

    private fun Activity.text(id: Int) = findViewById<TextView>(id).text.toString()

    private fun Activity.assertShows(text: String) = assertTrue("$text among ${Shots.texts(this)}", Shots.texts(this).any { text in it })

    @Test
    fun idle() {
        val screen = open<MainActivity>()
        Shots.draw(screen, "idle")
        screen.assertShows(app.text(R.string.idle_headline))
        assertEquals(app.text(R.string.start), screen.text(R.id.action))
        assertEquals("nothing to count", View.GONE, screen.findViewById<View>(R.id.bar).visibility)
        assertEquals("nothing to list", View.GONE, screen.findViewById<View>(R.id.tabs).visibility)
        screen.assertShows("hotspot")
    }

    @Test
    @Config(qualifiers = "de-w411dp-h840dp-night-xhdpi")
    fun idleInGermanAtNight() {
        val screen = open<MainActivity>()
        Shots.draw(screen, "idle-de-night")
        assertEquals("Beobachtung starten", screen.text(R.id.action))
    }

    @Test
    fun runningWithFindings() {
        run()
        val screen = open<MainActivity>()
        Shots.draw(screen, "running")
        assertEquals("Critical · Watching · unlocked", screen.text(R.id.state))
        assertTrue("China Telecom" in screen.text(R.id.headline))
        assertEquals("23 connections: 20 readable, 3 encrypted, 0 unknown", screen.text(R.id.coverage))
        assertEquals(app.text(R.string.hold_always), screen.text(R.id.hold))
        screen.assertShows("3 times")
        screen.assertShows("Autoregistration · China · unlocked")
        assertEquals(app.text(R.string.stop), screen.text(R.id.action))
    }

    @Test
    @Config(qualifiers = "w411dp-h840dp-night-xhdpi")
    fun runningAtNight() {
        run()
        Shots.draw(open<MainActivity>(), "running-night")
    }

    @Test
    fun connections() {
        run()
        val screen = open<MainActivity>()
        screen.findViewById<View>(R.id.tab_flows).performClick()
        awaitMain("the list") { "www.example.com" in Shots.texts(screen) }
        Shots.draw(screen, "connections")
        screen.assertShows("Browser · TLS · United States")
        assertEquals("23 and the header", 24, screen.findViewById<ListView>(R.id.list).adapter.count)
    }

    @Test
    @Config(qualifiers = "de-w411dp-h840dp-night-xhdpi")
    fun connectionsInGermanAtNight() {
        run()
        val screen = open<MainActivity>()
        screen.findViewById<View>(R.id.tab_flows).performClick()
        awaitMain("the list") { "www.example.com" in Shots.texts(screen) }
        Shots.draw(screen, "connections-de-night")
        screen.assertShows("Browser · TLS · Vereinigte Staaten")
    }

    @Test
    fun nothingFlaggedIsNeverSaidAlone() {
        run(findings = false).emit(EngineEvent.Trouble("dns_silent", 3, false, "x"))
        val screen = open<MainActivity>()
        Shots.draw(screen, "nothing-flagged")
        assertEquals(app.text(R.string.nothing_flagged), screen.text(R.id.headline))
        assertEquals("23 connections: 20 readable, 3 encrypted, 0 unknown", screen.text(R.id.coverage))
        assertEquals(app.text(R.string.trouble_dns_silent), screen.text(R.id.trouble))
        screen.assertShows("Browser")
        screen.findViewById<View>(R.id.tab_findings).performClick()
        awaitMain("the sentence") { app.text(R.string.empty_findings, 3, 23) in Shots.texts(screen) }
    }

    @Test
    fun failed() {
        run()
        app.session.stop(Failure.REVOKED)
        awaitMain("the end") { !app.session.view.active }
        val screen = open<MainActivity>()
        Shots.draw(screen, "failed")
        assertEquals(app.text(R.string.failed_revoked), screen.text(R.id.trouble))
        screen.findViewById<View>(R.id.second).performClick()
        assertEquals(SessionActivity::class.java.name, shadowOf(screen).nextStartedActivity.component?.className)
    }

    @Test
    fun followsTheSession() {
        val screen = open<MainActivity>()
        val engine = run(findings = false)
        awaitMain("stop") { screen.text(R.id.action) == app.text(R.string.stop) }
        demoFindings().forEach { engine.emit(EngineEvent.Flagged(it)) }
        awaitMain("findings") { screen.text(R.id.state).startsWith("Critical") }
        screen.findViewById<Button>(R.id.action).performClick()
        awaitMain("the end") { screen.text(R.id.action) == app.text(R.string.start) }
        assertTrue(engine.closed)
    }

    @Test
    fun whatCannotBeSeenIsAlwaysThere() {
        run()
        val screen = open<MainActivity>()
        screen.findViewById<View>(R.id.tab_unseen).performClick()
        awaitMain("the list") { Shots.texts(screen).any { "hotspot" in it } }
        Shots.draw(screen, "unseen")
    }

    @Test
    fun startsOnlyWithConsent() {
        val screen = open<MainActivity>()
        ShadowVpnService.setPrepareResult(Intent("ask"))
        screen.findViewById<View>(R.id.action).performClick()
        assertNull("no service yet", shadowOf(app).peekNextStartedService())
        ShadowVpnService.setPrepareResult(null)
        screen.findViewById<View>(R.id.action).performClick()
        assertEquals(app.packageName, shadowOf(app).nextStartedService.`package`)
    }

    @Test
    fun consentAsksTheSystemAfterSayingWhy() {
        ShadowVpnService.setPrepareResult(Intent("ask"))
        val screen = open<ConsentActivity>()
        Shots.draw(screen, "consent")
        screen.assertShows(app.text(R.string.consent_local_text))
        screen.findViewById<View>(R.id.action).performClick()
        val asked = shadowOf(screen).nextStartedActivityForResult
        assertEquals("ask", asked.intent.action)
        shadowOf(screen).receiveResult(asked.intent, Activity.RESULT_CANCELED, null)
        assertNull(shadowOf(app).peekNextStartedService())
        shadowOf(screen).receiveResult(asked.intent, Activity.RESULT_OK, null)
        assertTrue(screen.isFinishing)
        assertEquals(app.packageName, shadowOf(app).nextStartedService.`package`)
    }

    private fun finding(name: String?) = open<FindingActivity>(
        Intent(app, FindingActivity::class.java).putExtra("session", name).putExtra("finding", 2L),
    )

    @Test
    fun aFindingSaysItAll() {
        run()
        val screen = finding(app.session.view.name)
        Shots.draw(screen, "finding")
        listOf("China Telecom", "zzhc.vnet.cn", "China (CN)", "Autoregistration (UID 1000)", "IMEI", "base64", "In clear").forEach { screen.assertShows(it) }
        val secret = "001017001234569"
        assertFalse("masked", Shots.texts(screen).any { secret in it })
        screen.findViewById<Switch>(R.id.show).performClick()
        screen.assertShows(secret)
        Shots.draw(screen, "finding-values")
        assertTrue(screen.window.attributes.flags and android.view.WindowManager.LayoutParams.FLAG_SECURE != 0)
        screen.findViewById<Switch>(R.id.show).performClick()
        assertFalse(Shots.texts(screen).any { secret in it })
    }

    @Test
    @Config(qualifiers = "de-w411dp-h840dp-night-xhdpi")
    fun aFindingInGermanAtNight() {
        run()
        val screen = finding(app.session.view.name)
        Shots.draw(screen, "finding-de-night")
        screen.assertShows("Im Klartext")
    }

    @Test
    fun aSavedFindingGetsItsValuesFromTheRecording() {
        val screen = finding(saved().name)
        awaitMain("the finding") { Shots.texts(screen).any { "zzhc.vnet.cn" in it } }
        screen.findViewById<Switch>(R.id.show).performClick()
        awaitMain("the values") { Shots.texts(screen).any { "001017001234569" in it } }
        assertEquals("read anew", 23_354, engines.last.fed)
        assertTrue(engines.last.closed)
    }

    @Test
    fun sessionsAreListed() {
        saved()
        session("2026-11-23T07:10:00Z").write(Summary(ended = true, flows = 34, readable = 22, encrypted = 12))
        session("2026-11-24T08:00:00Z").write(Summary(source = "router.pcap", ended = true, flows = 108, findings = 2, worst = "MEDIUM"))
        session("2026-11-25T08:00:00Z").write(Summary())
        val screen = open<SessionsActivity>()
        awaitMain("the list") { Shots.texts(screen).size > 5 }
        Shots.draw(screen, "sessions")
        screen.assertShows("5 findings · 23 connections, 3 encrypted")
        screen.assertShows("router.pcap")
        screen.assertShows(app.text(R.string.session_unfinished))
    }

    @Test
    fun noSessions() {
        val screen = open<SessionsActivity>()
        awaitMain("the list") { Shots.texts(screen).size > 1 }
        Shots.draw(screen, "sessions-empty")
        screen.assertShows(app.text(R.string.no_sessions))
    }

    private fun openSession(files: SessionFiles) =
        open<SessionActivity>(Intent(app, SessionActivity::class.java).putExtra("session", files.name))

    @Test
    fun aSavedSession() {
        val screen = openSession(saved())
        awaitMain("the report") { "China Telecom" in screen.text(R.id.headline) }
        Shots.draw(screen, "session")
        assertEquals("23 connections: 20 readable, 3 encrypted, 0 unknown", screen.text(R.id.coverage))
        assertEquals("nothing to look for: not read again", 0, engines.opened.size)
        screen.findViewById<View>(R.id.second).performClick()
        val sent = shadowOf(screen).nextStartedActivity.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java)!!
        assertEquals("text/html", sent.type)
    }

    @Test
    fun aSessionBegunBeforeTheUnlockIsReadAgain() {
        val files = saved().apply { write(Summary(ended = true, values = false)) }
        val imei = WatchedValue("imei", "356938035643809")
        WatchedValues(app).set(listOf(imei))
        val screen = openSession(files)
        awaitMain("the report") { "China Telecom" in screen.text(R.id.headline) }
        assertEquals(listOf(imei), engines.last.config.watch)
        assertTrue(files.summary().values)
    }

    @Test
    fun aCaptureIsOpened() {
        val uri = Uri.parse("content://files/boot.pcap")
        shadowOf(app.contentResolver).registerInputStream(uri, ByteArrayInputStream(ByteArray(200_000)))
        val screen = open<OpenCaptureActivity>(Intent(Intent.ACTION_VIEW, uri))
        awaitMain("the session") { screen.isFinishing }
        assertEquals(200_000, engines.last.fed)
        val started = shadowOf(screen).nextStartedActivity
        assertEquals(SessionStore(app).list().single().name, started.getStringExtra("session"))
    }

    @Test
    fun aFileThatIsNoCaptureIsRefused() {
        engines.refusal = IllegalArgumentException("at 0: not a capture")
        val uri = Uri.parse("content://files/cat.jpg")
        shadowOf(app.contentResolver).registerInputStream(uri, ByteArrayInputStream(ByteArray(10)))
        val screen = open<OpenCaptureActivity>(Intent(Intent.ACTION_VIEW, uri))
        awaitMain("the message") { Shots.texts(screen).any { "at 0" in it } }
        assertEquals("nothing is left behind", emptyList<Any>(), SessionStore(app).list())
    }

    @Test
    fun settings() {
        Settings(app).home = "NO"
        WatchedValues(app).set(listOf(WatchedValue("imei", "356938035643809"), WatchedValue("iccid", "8947000000000000000")))
        val screen = open<SettingsActivity>()
        Shots.draw(screen, "settings")
        listOf("Norway", "356938035643809", "NRO", "CC BY 4.0").forEach { screen.assertShows(it) }
        screen.findViewById<Switch>(R.id.boot).performClick()
        assertTrue(Settings(app).watchFromBoot)
        Shots.views(screen.window.decorView).first { it.contentDescription == app.text(R.string.values_delete, "IMEI") }.performClick()
        assertEquals(listOf("iccid"), WatchedValues(app).get().map { it.kind })
    }

    @Test
    @Config(qualifiers = "de-w411dp-h840dp-night-xhdpi")
    fun settingsInGermanAtNight() {
        Shots.draw(open<SettingsActivity>(), "settings-de-night")
    }
}
