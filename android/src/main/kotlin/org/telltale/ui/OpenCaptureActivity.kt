package org.telltale.ui

import android.net.Uri
import android.os.Bundle
import android.provider.OpenableColumns
import java.io.IOException
import java.time.Instant
import org.telltale.R
import org.telltale.report.SessionStore
import org.telltale.report.Summary
import org.telltale.session.Settings
import org.telltale.session.WatchedValues

/** Reads a capture file that another app or another device has made, into a session of its own. */
class OpenCaptureActivity : Page() {
    /** [name] is the session's; null with what went wrong in [problem]. */
    private class Outcome(val name: String?, val problem: String?)

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        showPage(R.string.open_capture)
        addCard(getString(R.string.reading), null)
        val uri = intent.data ?: return finish()
        load({ read(uri) }, ::show)
    }

    private fun read(uri: Uri): Outcome {
        val store = SessionStore(this)
        return try {
            val files = store.create(Instant.now())
            try {
                copy(uri, files.recording)
                files.write(Summary(source = displayName(uri)))
                app.analysis.run(files, Settings(this).home, WatchedValues(this).get())
                Outcome(files.name, null)
            } catch (unread: Exception) {
                store.delete(files)
                throw unread
            }
        } catch (unread: IOException) {
            Outcome(null, unread.message)
        } catch (refused: RuntimeException) {
            Outcome(null, refused.message)
        }
    }

    private fun copy(uri: Uri, to: java.io.File) {
        val input = contentResolver.openInputStream(uri) ?: throw IOException("the document cannot be read")
        input.use { from -> to.outputStream().use(from::copyTo) }
    }

    private fun displayName(uri: Uri): String? =
        contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use {
            if (it.moveToFirst()) it.getString(0) else null
        }

    private fun show(outcome: Outcome) {
        if (outcome.name != null) {
            SessionActivity.open(this, outcome.name)
            return finish()
        }
        page.removeAllViews()
        addCard(getString(R.string.cannot_read), outcome.problem)
    }
}
