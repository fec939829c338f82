package org.telltale.ui

import android.content.Context
import org.telltale.R
import org.telltale.session.Hold
import org.telltale.session.SessionState
import org.telltale.session.SessionView
import org.telltale.session.text

/** The overview of a session as it runs, or as it ended. */
class LiveModel(private val context: Context) {
    private val words = Words(context)

    /** A function of [view] alone. */
    fun of(view: SessionView): OverviewModel {
        val idle = view.state is SessionState.Idle
        val waiting = view.active && view.counts.flows == 0
        return OverviewModel(
            state = state(view.state),
            headline = if (idle) context.getString(R.string.idle_headline) else null,
            text = when {
                idle -> context.getString(R.string.idle_text)
                waiting -> context.getString(R.string.nothing_yet_text)
                else -> null
            },
            counts = view.counts,
            findings = view.findings,
            flows = view.flows,
            unseen = words.unseen(),
            trouble = trouble(view),
            idle = idle,
            hold = if (view.active) hold(view.hold) else null,
        )
    }

    private fun state(state: SessionState): String = when (state) {
        is SessionState.Idle -> context.getString(R.string.state_idle)
        is SessionState.Preparing -> context.getString(R.string.state_preparing)
        is SessionState.Running -> context.getString(R.string.state_running, words.phase(state.phase))
        is SessionState.Finishing -> context.getString(R.string.state_finishing)
        is SessionState.Done -> context.getString(R.string.state_done)
        is SessionState.Failed -> context.getString(R.string.state_failed)
    }

    private fun trouble(view: SessionView): String? {
        val failed = (view.state as? SessionState.Failed)?.let { context.getString(it.reason.text) }
        val recording = if (view.recordingFailed) context.getString(R.string.trouble_recording) else null
        val lines = listOfNotNull(failed, recording) + view.troubles.map { words.trouble(it.what) }
        return lines.joinToString("\n").ifEmpty { null }
    }

    private fun hold(hold: Hold?): String? = when {
        hold == null -> null
        hold.lockdown -> context.getString(R.string.hold_lockdown)
        hold.alwaysOn -> context.getString(R.string.hold_always)
        else -> context.getString(R.string.hold_none)
    }
}
