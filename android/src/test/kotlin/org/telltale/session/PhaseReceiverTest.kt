package org.telltale.session

import android.content.Intent
import android.provider.Settings.Global
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.shadows.ShadowLooper
import org.telltale.app
import org.telltale.engine.Phase

@RunWith(RobolectricTestRunner::class)
class PhaseReceiverTest {
    private val entered = ArrayList<Phase>()
    private val receiver = PhaseReceiver { entered += it }

    private fun send(action: String, sim: String? = null) {
        app.sendBroadcast(Intent(action).apply { sim?.let { putExtra("ss", it) } })
        ShadowLooper.idleMainLooper()
    }

    @Test
    fun broadcastsBecomePhases() {
        receiver.register(app)
        send(Intent.ACTION_SCREEN_ON)
        send(Intent.ACTION_USER_PRESENT)
        send(SIM, "NOT_READY")
        send(SIM, "LOADED")
        send(SIM, "ABSENT")
        send(Intent.ACTION_SCREEN_OFF)
        assertEquals(listOf(Phase.SCREEN_ON, Phase.UNLOCK, Phase.SIM_LOADED, Phase.SIM_REMOVED, Phase.SCREEN_OFF), entered)
    }

    @Test
    fun whatIsToldTwiceIsOnePhase() {
        receiver.register(app)
        send(Intent.ACTION_USER_UNLOCKED)
        send(Intent.ACTION_USER_PRESENT)
        send(SIM, "LOADED")
        send(SIM, "LOADED")
        send(Intent.ACTION_SCREEN_OFF)
        send(Intent.ACTION_USER_PRESENT)
        assertEquals(listOf(Phase.UNLOCK, Phase.SIM_LOADED, Phase.SCREEN_OFF, Phase.UNLOCK), entered)
    }

    @Test
    fun bootBroadcastsHavePhases() {
        assertEquals(Phase.LOCKED_BOOT, PhaseReceiver.phaseOf(Intent(Intent.ACTION_LOCKED_BOOT_COMPLETED)))
        assertEquals(Phase.BOOT_COMPLETED, PhaseReceiver.phaseOf(Intent(Intent.ACTION_BOOT_COMPLETED)))
        assertNull(PhaseReceiver.phaseOf(Intent(Intent.ACTION_BATTERY_LOW)))
    }

    @Test
    fun theEndOfTheSetUpIsNoticedOnce() {
        Global.putInt(app.contentResolver, Global.DEVICE_PROVISIONED, 0)
        val observer = SetupObserver(app.contentResolver) { entered += it }
        observer.register()
        observer.onChange(false)
        assertEquals(emptyList<Phase>(), entered)
        Global.putInt(app.contentResolver, Global.DEVICE_PROVISIONED, 1)
        observer.onChange(false)
        observer.onChange(false)
        assertEquals(listOf(Phase.SETUP_DONE), entered)
    }

    private companion object {
        const val SIM = "android.intent.action.SIM_STATE_CHANGED"
    }
}
