package org.telltale.session

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.Build
import org.telltale.SdkGuarded
import org.telltale.engine.Phase

/** Turns the system's broadcasts into phases while a session runs. */
class PhaseReceiver(private val enter: (Phase) -> Unit) : BroadcastReceiver() {
    private var lock: Phase? = null
    private var sim: Phase? = null

    /** Begins to listen. */
    @SdkGuarded
    fun register(context: Context) {
        val filter = IntentFilter().apply { ACTIONS.forEach(::addAction) }
        // Exported, for the phone's own process sends the SIM's state; nobody but the system may send any of these.
        if (Build.VERSION.SDK_INT >= 33) {
            context.registerReceiver(this, filter, Context.RECEIVER_EXPORTED)
        } else {
            context.registerReceiver(this, filter)
        }
    }

    override fun onReceive(context: Context, intent: Intent) {
        // What was already so when the session began is no change.
        if (isInitialStickyBroadcast) return
        phaseOf(intent)?.takeIf(::isNews)?.let(enter)
    }

    // The first unlock is told twice, and a SIM's state as often as the modem likes.
    private fun isNews(phase: Phase): Boolean = when (phase) {
        Phase.UNLOCK, Phase.SCREEN_OFF, Phase.SCREEN_ON -> {
            val repeated = phase == lock
            lock = phase
            !repeated
        }
        Phase.SIM_LOADED, Phase.SIM_REMOVED -> {
            val repeated = phase == sim
            sim = phase
            !repeated
        }
        else -> true
    }

    companion object {
        private const val SIM_STATE_CHANGED = "android.intent.action.SIM_STATE_CHANGED"
        private val ACTIONS = listOf(
            Intent.ACTION_USER_UNLOCKED, Intent.ACTION_USER_PRESENT, Intent.ACTION_SCREEN_ON, Intent.ACTION_SCREEN_OFF, SIM_STATE_CHANGED,
        )

        /** The phase that [intent] tells of; null when it tells of none. */
        fun phaseOf(intent: Intent): Phase? = when (intent.action) {
            Intent.ACTION_LOCKED_BOOT_COMPLETED -> Phase.LOCKED_BOOT
            Intent.ACTION_BOOT_COMPLETED -> Phase.BOOT_COMPLETED
            Intent.ACTION_USER_UNLOCKED, Intent.ACTION_USER_PRESENT -> Phase.UNLOCK
            Intent.ACTION_SCREEN_ON -> Phase.SCREEN_ON
            Intent.ACTION_SCREEN_OFF -> Phase.SCREEN_OFF
            SIM_STATE_CHANGED -> sim(intent.getStringExtra("ss"))
            else -> null
        }

        private fun sim(state: String?): Phase? = when (state) {
            "LOADED" -> Phase.SIM_LOADED
            "ABSENT" -> Phase.SIM_REMOVED
            else -> null
        }
    }
}
