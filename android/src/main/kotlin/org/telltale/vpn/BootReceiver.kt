package org.telltale.vpn

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.net.VpnService
import org.telltale.TelltaleApp
import org.telltale.session.PhaseReceiver
import org.telltale.session.Settings
import org.telltale.session.Watch

/** Begins to watch as the phone boots, before the first unlock where the phone allows it. */
class BootReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val phase = PhaseReceiver.phaseOf(intent) ?: return
        val session = (context.applicationContext as TelltaleApp).session
        when {
            // Begun by the system, or by the broadcast before this one.
            session.view.active -> session.mark(phase)
            !Settings(context).watchFromBoot -> Unit
            VpnService.prepare(context) != null -> Notices(context).cannotWatch()
            else -> start(context, intent)
        }
    }

    private fun start(context: Context, intent: Intent) = try {
        Watch.start(context, PhaseReceiver.phaseOf(intent))
    } catch (barred: IllegalStateException) {
        Notices(context).cannotWatch()
    }
}
