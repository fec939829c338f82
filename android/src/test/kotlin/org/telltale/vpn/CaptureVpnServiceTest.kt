package org.telltale.vpn

import android.app.NotificationManager
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.VpnService
import java.net.InetAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowVpnService
import org.telltale.FakeEngines
import org.telltale.R
import org.telltale.ShadowFd
import org.telltale.ShadowVpnBuilder
import org.telltale.Tun
import org.telltale.app
import org.telltale.awaitMain
import org.telltale.demoReport
import org.telltale.engine.EngineEvent
import org.telltale.engine.Phase
import org.telltale.engine.Severity
import org.telltale.engine.parseReport
import org.telltale.report.SessionStore
import org.telltale.session.Failure
import org.telltale.session.SessionState
import org.telltale.session.Settings
import org.telltale.text

@RunWith(RobolectricTestRunner::class)
@Config(shadows = [ShadowVpnBuilder::class, ShadowFd::class])
class CaptureVpnServiceTest {
    private val engines = FakeEngines()
    private val notifications get() = shadowOf(app.getSystemService(Context.NOTIFICATION_SERVICE) as NotificationManager)

    @Before
    fun setUp() {
        Tun.reset()
        // Robolectric's phone has not consented.
        ShadowVpnService.setPrepareResult(null)
        app.engineFactory = engines
    }

    private fun start(intent: Intent? = Intent(VpnService.SERVICE_INTERFACE)): ServiceController<CaptureVpnService> {
        val controller = Robolectric.buildService(CaptureVpnService::class.java, intent).create()
        controller.get().onStartCommand(intent, 0, 1)
        return controller
    }

    private fun awaitEnd(): SessionState {
        awaitMain("the session is over") { !app.session.view.active }
        awaitMain("the service has noticed") { true }
        return app.session.view.state
    }

    private fun stopped(service: ServiceController<CaptureVpnService>) = shadowOf(service.get()).isStoppedBySelf

    private fun notice(id: Int): String? = notifications.getNotification(id)?.extras?.getCharSequence("android.title")?.toString()

    @Test
    fun startsInTheForegroundAndWatches() {
        val service = start()
        val shadow = shadowOf(service.get())
        assertNotNull(shadow.lastForegroundNotification)
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE, service.get().foregroundServiceType)
        assertTrue(app.session.view.state is SessionState.Running)
        assertEquals(listOf(100), engines.last.tuns.toList())
        assertEquals(
            listOf(
                "session Telltale", "mtu 9000", "blocking false", "address 10.215.173.2/32", "address fd66:f83a:c650:0:0:0:0:2/128",
                "route 0.0.0.0/0", "route 0:0:0:0:0:0:0:0/0", "without org.telltale", "metered false",
            ),
            Tun.calls.filterNot { it.startsWith("dns") },
        )
    }

    @Test
    fun recordsIntoASessionOfItsOwn() {
        start()
        val files = SessionStore(app).list().single()
        assertEquals(files.recording.absolutePath, engines.last.config.recording)
        assertEquals("${files.name}.pcapng", engines.last.config.source)
        assertTrue("before the first unlock nothing else can be written", "user_de" in files.dir.path || "device" in files.dir.path)
    }

    @Test
    fun theSystemsStartIsAStart() {
        start(null)
        assertTrue(app.session.view.active)
    }

    @Test
    fun aSecondStartIsNoSecondSession() {
        val service = start()
        service.get().onStartCommand(Intent(VpnService.SERVICE_INTERFACE).putExtra("phase", "boot_completed"), 0, 2)
        assertEquals(1, engines.opened.size)
        assertEquals(listOf(Phase.BOOT_COMPLETED), engines.last.marks.toList())
    }

    @Test
    fun newServersAreANewTunnelInTheSameSession() {
        start()
        Tun.next = { 101 }
        val network = ShadowNetwork.newInstance(201)
        val link = LinkProperties().apply { setDnsServers(listOf(InetAddress.getByName("192.0.2.53"))) }
        val callback = shadowOf(app.getSystemService(ConnectivityManager::class.java)).networkCallbacks.single()
        callback.onAvailable(network)
        callback.onLinkPropertiesChanged(network, link)
        assertEquals(listOf(100, 101), engines.last.tuns.toList())
        assertEquals(1, engines.opened.size)
        assertTrue("dns 192.0.2.53" in Tun.calls)
        assertEquals(Phase.NETWORK_UP, engines.last.marks.last())
    }

    @Test
    fun stopsFromTheNotification() {
        val service = start()
        val action = shadowOf(service.get()).lastForegroundNotification.actions.single()
        assertEquals(app.text(R.string.stop), action.title)
        service.get().onStartCommand(shadowOf(action.actionIntent).savedIntent, 0, 2)
        assertTrue(awaitEnd() is SessionState.Done)
        assertTrue(stopped(service))
        assertTrue(engines.last.closed)
        assertNull("a wanted end needs no alert", notice(Notices.ENDED_ID))
    }

    @Test
    fun aLostVpnKeepsTheFilesAndSaysSo() {
        val service = start()
        service.get().onRevoke()
        assertEquals(Failure.REVOKED, (awaitEnd() as SessionState.Failed).reason)
        assertTrue(stopped(service))
        assertTrue(SessionStore(app).list().single().json.isFile)
        assertEquals(app.text(R.string.notice_ended), notice(Notices.ENDED_ID))
    }

    @Test
    fun aDeadEngineGivesThePhoneItsNetworkBack() {
        val service = start()
        engines.last.broken = RuntimeException("the engine failed")
        engines.last.emit(EngineEvent.Ended(EngineEvent.End.PANICKED, "boom"))
        assertEquals(Failure.ENGINE, (awaitEnd() as SessionState.Failed).reason)
        assertTrue("the TUN goes with the engine", engines.last.closed)
        assertTrue(stopped(service))
        assertEquals(app.text(R.string.notice_ended), notice(Notices.ENDED_ID))
        assertEquals(app.text(R.string.failed_engine), notifications.getNotification(Notices.ENDED_ID).extras.getCharSequence("android.text"))
    }

    @Test
    fun anEngineThatDoesNotOpenEndsTheService() {
        engines.refusal = IllegalArgumentException("no")
        val service = start()
        assertTrue(stopped(service))
        assertEquals("no tunnel without an engine", 0, Tun.established)
    }

    @Test
    fun withoutConsentNothingIsMade() {
        ShadowVpnService.setPrepareResult(Intent("ask"))
        val service = start()
        assertEquals(Failure.CONSENT, (app.session.view.state as SessionState.Failed).reason)
        assertTrue(stopped(service))
        assertEquals(0, engines.opened.size)
        assertEquals(emptyList<Any>(), SessionStore(app).list())
    }

    @Test
    fun aTunnelThatCannotBeMadeIsAFailure() {
        Tun.failure = IllegalStateException("cannot set address")
        val service = start()
        assertEquals(Failure.TUNNEL, (awaitEnd() as SessionState.Failed).reason)
        assertTrue(stopped(service))
        assertTrue(engines.last.closed)
    }

    @Test
    fun consentThatIsTakenBackIsNoticed() {
        Tun.next = { null }
        start()
        assertEquals(Failure.CONSENT, (awaitEnd() as SessionState.Failed).reason)
    }

    @Test
    fun aDrillIsForOneSession() {
        Settings(app).drill = true
        start()
        assertTrue(engines.last.config.drill)
        assertFalse(Settings(app).drill)
    }

    @Test
    fun tellsOfABadFindingWithoutNamingIt() {
        start()
        val bad = parseReport(demoReport()).findings.first { it.severity == Severity.CRITICAL }
        engines.last.emit(EngineEvent.Flagged(bad))
        awaitMain("the alert") { notice(Notices.FINDING_ID) != null }
        assertEquals(app.text(R.string.notice_found_clear), notice(Notices.FINDING_ID))
        val extras = notifications.getNotification(Notices.FINDING_ID).extras
        assertFalse("a lock screen must not tell", bad.host!! in extras.getCharSequence("android.text").toString())
        val running = notifications.getNotification(Notices.WATCHING_ID).extras.getCharSequence("android.text")
        assertEquals(app.resources.getQuantityString(R.plurals.findings, 1, 1), running)
    }

    @Test
    fun troubleIsInTheNotification() {
        start()
        engines.last.emit(EngineEvent.Trouble("dns_silent", 4, false, "x"))
        awaitMain("the notice") {
            notifications.getNotification(Notices.WATCHING_ID)?.extras?.getCharSequence("android.text") == app.text(R.string.notice_trouble)
        }
    }
}
