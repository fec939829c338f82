package org.telltale.live

import android.content.Intent
import android.net.VpnService
import android.os.Looper
import java.io.File
import java.net.InetSocketAddress
import java.nio.channels.SocketChannel
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowVpnService
import org.telltale.TelltaleApp
import org.telltale.engine.WatchedValue
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.session.SessionState
import org.telltale.session.SessionView
import org.telltale.session.Settings
import org.telltale.session.WatchedValues
import org.telltale.ui.MainActivity
import org.telltale.ui.Shots
import org.telltale.vpn.CaptureVpnService

/**
 * The real thing but for the phone: the Kotlin service, the Rust engine, a kernel's TUN and TCP, and real programs on the
 * other side of it.
 */
@RunWith(RobolectricTestRunner::class)
@Config(qualifiers = "w411dp-h840dp-xhdpi", shadows = [ProtectingService::class, LiveVpnBuilder::class, NumberedDescriptor::class])
class LiveServiceTest {
    private val app get() = RuntimeEnvironment.getApplication() as TelltaleApp
    private val view: SessionView get() = app.session.view
    private lateinit var internet: Internet
    private lateinit var phone: Phone
    private lateinit var service: ServiceController<CaptureVpnService>

    @Before
    fun prepare() {
        assumeTrue(
            "skipped: no engine built for this machine (run `cargo xtask test`)",
            !System.getProperty("telltale.engine").isNullOrEmpty(),
        )
        LinuxTun.assumeNamespace()
        internet = Internet()
        phone = Phone()
        LiveVpnBuilder.phone = phone
        // The user has allowed the VPN.
        ShadowVpnService.setPrepareResult(null)
        WatchedValues(app).set(listOf(WatchedValue("imei", IMEI)))
    }

    @After
    fun end() {
        if (!::phone.isInitialized) return
        if (::service.isInitialized) service.destroy()
        awaitView("the session is over") { !it.active }
        LiveVpnBuilder.phone = null
        phone.close()
        internet.close()
    }

    @Test
    fun anUploadOfTheImeiIsFlaggedAndTheRecordingTellsTheSame() {
        start()
        assertEquals("received", curl("http://${Internet.WEB}/register", "-d", "imei=$IMEI"))
        assertEquals("received", curl("http://[${Internet.WEB_6}]/"))
        val answer = phone.inside("dig", "+short", "@${Internet.DNS}", "activation.example")
        assertEquals(Internet.WEB, answer.trim())
        awaitView("a finding") { view -> view.findings.any { it.identifiers.any { found -> found.kind == "imei" } } }
        val screen = Robolectric.buildActivity(MainActivity::class.java).setup().get()
        Shots.draw(screen, "live")
        val texts = Shots.texts(screen)
        assertTrue("$texts", texts.any { "IMEI" in it && Internet.WEB in it })
        assertTrue(view.flows.any { it.host == "activation.example" || it.remote.startsWith(Internet.WEB) })

        assertTrue("sockets are not protected", ProtectingService.protected.get() >= 3)
        val session = stop()
        assertFalse("the phone is offline", phone.hasTunnel())
        val report = session.json.readText()
        assertTrue(report.contains("\"cleartext_identifier\"") || report.contains("\"cleartext_registration\""))
        assertFalse("the IMEI is not masked", report.contains(IMEI))
        assertTrue(session.html.readText().startsWith("<!doctype html>", ignoreCase = true))
        val cli = File(System.getProperty("telltale.cli").orEmpty())
        assumeTrue("skipped: no telltale command given", cli.isFile)
        val replayed = shell(cli.path, "replay", session.recording.path, "--watch", "imei=$IMEI", "--format", "json")
        assertEquals(replayed, report)
    }

    @Test
    fun aNetworkThatReachesNothingIsToldAndSurvived() {
        start()
        repeat(4) { runCatching { curl("http://${Internet.NOWHERE}/", "--max-time", "3") } }
        awaitView("trouble") { view -> view.troubles.any { it.what == "no_route" } }
        assertEquals("received", curl("http://${Internet.WEB}/"))
        awaitView("the trouble's end") { view -> view.troubles.none { it.what == "no_route" } }
        stop()
    }

    @Test
    fun connectionsThatAreResetAreToldAndSurvived() {
        start()
        repeat(12) {
            val refused = runCatching { curl("http://${Internet.RESETTING}/") }.exceptionOrNull()
            assertTrue("curl does not see the reset: $refused", refused?.message.orEmpty().contains("reset"))
        }
        awaitView("trouble") { view -> view.troubles.any { it.what == "resets" } }
        assertTrue("the session has ended", view.state is SessionState.Running)
        assertEquals("received", curl("http://${Internet.WEB}/"))
        stop()
    }

    @Test
    fun nameServersThatAreSilentAreTold() {
        start()
        repeat(3) { runCatching { phone.inside("dig", "+tries=1", "+time=1", "@${Internet.SILENT_DNS}", "a$it.example") } }
        awaitView("trouble") { view -> view.troubles.any { it.what == "dns_silent" } }
        stop()
    }

    @Test
    fun tenThousandConnectionsAtOnceAreSurvived() {
        start()
        val opened = storm(10_000)
        assertEquals(10_000, opened.size)
        awaitView("told that some were refused") { view -> view.troubles.any { it.what == "refused_flows" } }
        opened.forEach { it.close() }
        assertTrue("the session has ended", view.state is SessionState.Running)
        assertEquals("received", curl("http://${Internet.WEB}/", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"))
        stop()
    }

    @Test
    fun theEnginesDeathLeavesThePhoneOnline() {
        Settings(app).drill = true
        // The kernel's own packets, by which it looks for routers, are the first.
        start { it.state is SessionState.Running || it.state is SessionState.Failed }
        awaitView("a failed session") { it.state is SessionState.Failed }
        val failed = view.state as SessionState.Failed
        assertTrue("${failed.text}", failed.text.orEmpty().contains("a rehearsed failure"))
        eventually("the tunnel is gone, so that the phone has its network back") { !phone.hasTunnel() }
    }

    private fun start(begun: (SessionView) -> Boolean = { it.state is SessionState.Running }) {
        service = Robolectric.buildService(CaptureVpnService::class.java, Intent(VpnService.SERVICE_INTERFACE))
        service.create().startCommand(0, 1)
        awaitView("a session that has begun", begun)
    }

    private fun stop(): SessionFiles {
        service.get().onStartCommand(Intent(CaptureVpnService.STOP), 0, 2)
        awaitView("the reports") { it.state is SessionState.Done }
        return SessionStore(app).list().first()
    }

    private fun curl(vararg arguments: String): String = phone.inside("curl", "-sS", "--max-time", "60", *arguments)

    /** Waits for a view, letting the main thread's work be done. */
    private fun awaitView(what: String, condition: (SessionView) -> Boolean) = eventually(what, seconds = 40) {
        shadowOf(Looper.getMainLooper()).idleFor(300, TimeUnit.MILLISECONDS)
        condition(view)
    }

    /** Opens connections from the phone, as fast as it can. */
    private fun storm(connections: Int): List<SocketChannel> {
        val opened = ArrayList<SocketChannel>()
        thread(name = "storm") {
            LinuxTun.enter(phone.namespaceFile())
            repeat(connections) {
                val channel = SocketChannel.open()
                opened += channel
                channel.configureBlocking(false)
                channel.connect(InetSocketAddress(Internet.WEB, 80))
            }
        }.join()
        return opened
    }

    private companion object {
        const val IMEI = "356938035643809"
    }
}
