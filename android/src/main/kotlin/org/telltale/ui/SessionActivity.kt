package org.telltale.ui

import android.app.AlertDialog
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.PopupMenu
import android.widget.TextView
import java.io.File
import java.io.IOException
import org.json.JSONException
import org.telltale.R
import org.telltale.engine.Report
import org.telltale.engine.parseReport
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.report.Share
import org.telltale.session.Failure
import org.telltale.session.Settings
import org.telltale.session.WatchedValues

/** A session that is over: its report, and what to do with it. */
class SessionActivity : Screen() {
    private val files: SessionFiles? by lazy { intent.getStringExtra(SESSION)?.let { SessionStore(this).find(it) } }
    private lateinit var overview: Overview
    private var saving: File? = null

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        show(R.layout.screen_overview)
        val session = files ?: return finish()
        findViewById<View>(R.id.sessions).visibility = View.GONE
        findViewById<View>(R.id.settings).visibility = View.GONE
        findViewById<TextView>(R.id.bar_title).text = session.began?.let(Words(this)::date) ?: session.name
        overview = Overview(this, { FindingActivity.open(this, session.name, it) }, { showFlow(it) })
        button(R.id.action, R.string.open_report) { open(Share.view(session.html)) }
        button(R.id.second, R.string.share_report) { share(listOf(session.html)) }
        findViewById<View>(R.id.more).setOnClickListener { showMore(it, session) }
        read(session, again = false)
    }

    private fun button(id: Int, label: Int, action: () -> Unit) = findViewById<Button>(id).run {
        setText(label)
        visibility = View.VISIBLE
        setOnClickListener { action() }
    }

    // A session that was broken off, or began before the values could be read, is looked through now.
    private fun read(session: SessionFiles, again: Boolean) {
        overview.show(OverviewModel(getString(R.string.reading), session.summary().source ?: session.name, null))
        load({ report(session, again) }) { report ->
            overview.show(if (report == null) missing() else model(session, report))
        }
    }

    private fun report(session: SessionFiles, again: Boolean): Report? = try {
        val watch = WatchedValues(this).get()
        val due = again || !session.json.isFile || (watch.isNotEmpty() && !session.summary().values)
        if (due && session.recording.isFile) app.analysis.run(session, Settings(this).home, watch) else parseReport(session.json.readBytes())
    } catch (gone: IOException) {
        null
    } catch (damaged: JSONException) {
        null
    } catch (broken: RuntimeException) {
        null
    }

    private fun model(session: SessionFiles, report: Report): OverviewModel {
        val failure = session.summary().failure?.let { word -> Failure.entries.firstOrNull { it.name == word } }
        return ReportModel(this).of(report, session.summary().source, failure)
    }

    private fun missing() = OverviewModel(getString(R.string.state_failed), getString(R.string.no_report), "")

    private fun showMore(anchor: View, session: SessionFiles) = PopupMenu(this, anchor).run {
        entry(R.string.save_report) { save(session.html) }
        entry(R.string.save_json) { save(session.json) }
        entry(R.string.save_recording) { warn(R.string.save_recording) { save(session.recording) } }
        entry(R.string.share_all) { warn(R.string.share_anyway) { share(listOf(session.html, session.json, session.recording)) } }
        entry(R.string.analyse_again) { read(session, again = true) }
        entry(R.string.delete) { confirmDelete(session) }
        show()
    }

    private fun PopupMenu.entry(label: Int, action: () -> Unit) = menu.add(label).setOnMenuItemClickListener {
        action()
        true
    }

    private fun share(files: List<File>) = open(Intent.createChooser(Share.send(files.filter { it.isFile }), null))

    private fun warn(go: Int, action: () -> Unit) {
        AlertDialog.Builder(this)
            .setTitle(R.string.share_warning_title)
            .setMessage(R.string.share_warning)
            .setPositiveButton(go) { _, _ -> action() }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun confirmDelete(session: SessionFiles) {
        AlertDialog.Builder(this)
            .setTitle(R.string.delete_title)
            .setMessage(R.string.delete_text)
            .setPositiveButton(R.string.delete) { _, _ -> load({ SessionStore(this).delete(session) }) { finish() } }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun save(file: File) {
        saving = file
        open(Share.create(file), SAVE)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        val to = data?.data
        val file = saving
        if (request != SAVE || result != RESULT_OK || to == null || file == null) return
        load({ runCatching { Share.save(this, file, to) }.isSuccess }) { say(if (it) R.string.saved else R.string.not_saved) }
    }

    companion object {
        private const val SESSION = "session"
        private const val SAVE = 1

        /** Opens the session of that [name]. */
        fun open(context: Context, name: String) =
            context.startActivity(Intent(context, SessionActivity::class.java).putExtra(SESSION, name))
    }
}
