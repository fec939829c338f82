package org.telltale.ui

import android.os.Bundle
import android.view.View
import android.widget.TextView
import org.telltale.R
import org.telltale.engine.Severity
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.report.Summary

/** The sessions on this phone. */
class SessionsActivity : Page() {
    private val words by lazy { Words(this) }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        showPage(R.string.sessions)
    }

    override fun onStart() {
        super.onStart()
        load({ SessionStore(this).list().map { it to it.summary() } }, ::show)
    }

    private fun show(sessions: List<Pair<SessionFiles, Summary>>) {
        page.removeAllViews()
        if (sessions.isEmpty()) return addCard(getString(R.string.no_sessions), getString(R.string.no_sessions_text))
        sessions.forEach { (files, summary) -> row(files, summary) }
    }

    private fun row(files: SessionFiles, summary: Summary) {
        val row = add(R.layout.row_session)
        val title = files.began?.let(words::date) ?: files.name
        val running = app.session.view.let { it.active && it.name == files.name }
        row.setBackgroundResource(selectable())
        row.findViewById<TextView>(R.id.title).text = title
        row.findViewById<TextView>(R.id.detail).text = detail(files, summary, running)
        val worst = summary.worst?.let(Severity::of)
        row.findViewById<TextView>(R.id.severity).apply {
            visibility = if (worst == null) View.GONE else View.VISIBLE
            worst?.let { chip(words.severity(it), it.tone) }
        }
        row.setOnClickListener { if (running) finish() else SessionActivity.open(this, files.name) }
    }

    private fun detail(files: SessionFiles, summary: Summary, running: Boolean): String {
        if (running) return getString(R.string.session_running)
        val size = words.bytes(files.size())
        if (!summary.ended) return listOf(getString(R.string.session_unfinished), size).joinToString(" · ")
        val connections = resources.getQuantityString(R.plurals.connections, summary.flows, summary.flows)
        val flows = getString(R.string.connections_encrypted, connections, summary.encrypted)
        val findings = resources.getQuantityString(R.plurals.findings, summary.findings, summary.findings)
        val failed = summary.failure?.let { getString(R.string.state_failed) }
        return listOfNotNull(summary.source, findings, flows, size, failed).joinToString(" · ")
    }

    private fun selectable(): Int = obtainStyledAttributes(intArrayOf(android.R.attr.selectableItemBackground)).run {
        getResourceId(0, 0).also { recycle() }
    }
}
