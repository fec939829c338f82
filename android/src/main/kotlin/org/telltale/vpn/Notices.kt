package org.telltale.vpn

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import org.telltale.R
import org.telltale.engine.Finding
import org.telltale.engine.Severity
import org.telltale.session.SessionState
import org.telltale.session.SessionView
import org.telltale.session.text

/** What the user is told while no screen of the app is open. Says nothing of hosts or values: a lock screen shows it too. */
class Notices(private val context: Context) {
    private val manager = context.getSystemService(NotificationManager::class.java)
    private var shown: String? = null
    private var worst: Finding? = null

    init {
        val watching = NotificationChannel(WATCHING, context.getString(R.string.channel_watching), NotificationManager.IMPORTANCE_LOW)
        val findings = NotificationChannel(FINDINGS, context.getString(R.string.channel_findings), NotificationManager.IMPORTANCE_DEFAULT)
        manager.createNotificationChannels(listOf(watching, findings))
    }

    /** The notification of a session that runs, with a way to stop it. */
    fun watching(view: SessionView): Notification {
        val stop = Intent(context, CaptureVpnService::class.java).setAction(CaptureVpnService.STOP)
        val pending = PendingIntent.getService(context, 0, stop, PendingIntent.FLAG_IMMUTABLE)
        return builder(WATCHING, context.getString(R.string.notice_watching), text(view))
            .setOngoing(true)
            .setOnlyAlertOnce(true)
            .addAction(Notification.Action.Builder(null, context.getString(R.string.stop), pending).build())
            .build()
    }

    /** Brings the running session's notification up to date, and tells of a bad finding that is new. */
    fun update(view: SessionView) {
        val text = text(view)
        if (text != shown) manager.notify(WATCHING_ID, watching(view))
        shown = text
        val bad = view.findings.filter { it.severity <= Severity.HIGH }.maxByOrNull { it.id } ?: return
        if (bad.id == worst?.id) return
        worst = bad
        val title = context.getString(if (bad.encrypted == false) R.string.notice_found_clear else R.string.notice_found)
        manager.notify(FINDING_ID, builder(FINDINGS, title, context.getString(R.string.notice_open)).setAutoCancel(true).build())
    }

    /** Says that watching has ended, and why when it did so by itself. */
    fun over(state: SessionState) {
        val failed = state as? SessionState.Failed ?: return
        alert(ENDED_ID, R.string.notice_ended, failed.reason.text)
    }

    /** Says that nothing is watched although the user wants it. */
    fun cannotWatch() = alert(ENDED_ID, R.string.notice_cannot, R.string.notice_cannot_text)

    private fun alert(id: Int, title: Int, text: Int) {
        val long = context.getString(text)
        val style = Notification.BigTextStyle().bigText(long)
        manager.notify(id, builder(FINDINGS, context.getString(title), long).setStyle(style).setAutoCancel(true).build())
    }

    private fun builder(channel: String, title: String, text: String): Notification.Builder =
        Notification.Builder(context, channel)
            .setSmallIcon(R.drawable.ic_watch)
            .setColor(context.getColor(R.color.accent))
            .setContentTitle(title)
            .setContentText(text)
            .setContentIntent(open())

    private fun open(): PendingIntent? = context.packageManager.getLaunchIntentForPackage(context.packageName)
        ?.let { PendingIntent.getActivity(context, 0, it, PendingIntent.FLAG_IMMUTABLE) }

    private fun text(view: SessionView): String = when {
        view.state is SessionState.Finishing -> context.getString(R.string.state_finishing_text)
        view.troubles.isNotEmpty() -> context.getString(R.string.notice_trouble)
        view.recordingFailed -> context.getString(R.string.trouble_recording)
        view.findings.isNotEmpty() ->
            context.resources.getQuantityString(R.plurals.findings, view.findings.size, view.findings.size)
        else -> context.resources.getQuantityString(R.plurals.connections, view.counts.flows, view.counts.flows)
    }

    companion object {
        /** The running session's notification. */
        const val WATCHING_ID = 1
        const val FINDING_ID = 2
        const val ENDED_ID = 3
        private const val WATCHING = "watching"
        private const val FINDINGS = "findings"
    }
}
