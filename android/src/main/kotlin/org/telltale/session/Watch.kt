package org.telltale.session

import android.content.Context
import android.content.Intent
import android.net.VpnService
import org.telltale.engine.Phase

/** Asks the VPN service to begin; what shows or ends a session talks to [Session]. */
object Watch {
    private const val PHASE = "phase"

    /**
     * Begins to watch, with [phase] as the first mark if given.
     *
     * @throws IllegalStateException the system lets no service start now.
     */
    fun start(context: Context, phase: Phase? = null) {
        // The action that the system itself uses for an always-on VPN: one way in for both.
        val intent = Intent(VpnService.SERVICE_INTERFACE).setPackage(context.packageName)
        phase?.let { intent.putExtra(PHASE, it.word) }
        context.startForegroundService(intent)
    }

    /** The phase that a start came with. */
    fun phase(intent: Intent?): Phase? = Phase.of(intent?.getStringExtra(PHASE))
}
