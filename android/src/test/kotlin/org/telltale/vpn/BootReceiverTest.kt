package org.telltale.vpn

import android.app.NotificationManager
import android.content.Intent
import android.net.VpnService
import java.time.Instant
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowVpnService
import org.telltale.FakeEngines
import org.telltale.app
import org.telltale.engine.EngineConfig
import org.telltale.engine.NoHost
import org.telltale.engine.Phase
import org.telltale.report.SessionStore
import org.telltale.session.Settings
import org.telltale.session.Watch

@RunWith(RobolectricTestRunner::class)
class BootReceiverTest {
    private fun boot(action: String = Intent.ACTION_LOCKED_BOOT_COMPLETED): Intent? {
        BootReceiver().onReceive(app, Intent(action))
        return shadowOf(app).nextStartedService
    }

    private fun notice() = shadowOf(app.getSystemService(NotificationManager::class.java)).getNotification(Notices.ENDED_ID)

    @Before
    fun consent() = ShadowVpnService.setPrepareResult(null)

    @Test
    fun doesNothingUnlessItIsWanted() {
        assertNull(boot())
        assertNull(notice())
    }

    @Test
    fun startsBeforeTheUnlock() {
        Settings(app).watchFromBoot = true
        val started = boot()
        assertEquals(VpnService.SERVICE_INTERFACE, started?.action)
        assertEquals(app.packageName, started?.`package`)
        assertEquals(Phase.LOCKED_BOOT, Watch.phase(started))
    }

    @Test
    fun theActionFindsTheService() {
        val found = app.packageManager.queryIntentServices(Intent(VpnService.SERVICE_INTERFACE).setPackage(app.packageName), 0)
        assertEquals(listOf(CaptureVpnService::class.java.name), found.map { it.serviceInfo.name })
    }

    @Test
    fun saysThatItMayNot() {
        Settings(app).watchFromBoot = true
        ShadowVpnService.setPrepareResult(Intent("ask"))
        assertNull(boot())
        assertNotNull(notice())
    }

    @Test
    fun marksARunningSession() {
        val engines = FakeEngines()
        app.engineFactory = engines
        app.session.prepare(SessionStore(app).create(Instant.now()), EngineConfig("s"), NoHost)
        app.session.attach { 7 }
        assertNull("no second start", boot(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(listOf(Phase.BOOT_COMPLETED), engines.last.marks.toList())
    }

    @Test
    fun othersBroadcastsAreIgnored() {
        Settings(app).watchFromBoot = true
        assertNull(boot(Intent.ACTION_BATTERY_LOW))
    }
}
