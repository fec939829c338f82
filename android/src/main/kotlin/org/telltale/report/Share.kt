package org.telltale.report

import android.content.ClipData
import android.content.Context
import android.content.Intent
import android.net.Uri
import java.io.File
import java.io.IOException

/** Hands a session's files to other apps, always by the user's own choice. */
object Share {
    /** An intent that sends [files], with leave to read just these. */
    fun send(files: List<File>): Intent {
        val uris = files.map(ReportProvider::uri)
        val intent = if (uris.size == 1) {
            Intent(Intent.ACTION_SEND).setType(ReportProvider.type(files[0])).putExtra(Intent.EXTRA_STREAM, uris[0])
        } else {
            Intent(Intent.ACTION_SEND_MULTIPLE).setType("*/*")
                .putParcelableArrayListExtra(Intent.EXTRA_STREAM, ArrayList(uris))
        }
        return grant(intent, uris)
    }

    /** An intent that shows [file]. */
    fun view(file: File): Intent {
        val uri = ReportProvider.uri(file)
        return grant(Intent(Intent.ACTION_VIEW).setDataAndType(uri, ReportProvider.type(file)), listOf(uri))
    }

    /** An intent that asks where to save [file]; give its answer to [save]. */
    fun create(file: File): Intent = Intent(Intent.ACTION_CREATE_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE)
        .setType(ReportProvider.type(file))
        .putExtra(Intent.EXTRA_TITLE, "telltale-${file.parentFile?.name}-${file.name}")

    /**
     * Copies [file] to the document that the user has made.
     *
     * @throws IOException it cannot be read or written.
     */
    @Throws(IOException::class)
    fun save(context: Context, file: File, to: Uri) {
        val out = context.contentResolver.openOutputStream(to, "w") ?: throw IOException("the document cannot be written")
        out.use { target -> file.inputStream().use { it.copyTo(target) } }
    }

    private fun grant(intent: Intent, uris: List<Uri>): Intent {
        // The grant follows the clip, not the extras.
        intent.clipData = ClipData.newRawUri(null, uris[0]).apply { uris.drop(1).forEach { addItem(ClipData.Item(it)) } }
        return intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
    }
}
