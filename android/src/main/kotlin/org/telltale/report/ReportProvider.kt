package org.telltale.report

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/**
 * Lets another app read one file of one session, when the user has shared it: `content://org.telltale.reports/SESSION/FILE`.
 * It is not exported; each address needs a grant of its own.
 */
class ReportProvider : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun getType(uri: Uri): String? = uri.lastPathSegment?.let(TYPES::get)

    @Throws(FileNotFoundException::class)
    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw SecurityException("reports are read-only")
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(
        uri: Uri,
        projection: Array<out String>?,
        selection: String?,
        selectionArgs: Array<out String>?,
        sortOrder: String?,
    ): Cursor {
        val file = file(uri)
        val columns = projection ?: arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)
        val row = columns.map {
            when (it) {
                OpenableColumns.DISPLAY_NAME -> "telltale-${file.parentFile?.name}-${file.name}"
                OpenableColumns.SIZE -> file.length()
                else -> null
            }
        }
        return MatrixCursor(columns, 1).apply { addRow(row) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri = throw UnsupportedOperationException()

    override fun update(uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<out String>?): Int =
        throw UnsupportedOperationException()

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<out String>?): Int =
        throw UnsupportedOperationException()

    // Both names are compared with what there is, not put into a path: `..` is simply no session.
    private fun file(uri: Uri): File {
        val (session, name) = uri.pathSegments.takeIf { it.size == 2 } ?: throw FileNotFoundException("no such report")
        if (name !in TYPES) throw FileNotFoundException("no such report")
        val dir = SessionStore(requireNotNull(context)).find(session)?.dir ?: throw FileNotFoundException("no such report")
        return File(dir, name).takeIf { it.isFile } ?: throw FileNotFoundException("no such report")
    }

    companion object {
        private const val AUTHORITY = "org.telltale.reports"
        private val TYPES = mapOf(
            "report.html" to "text/html",
            "report.json" to "application/json",
            "recording.pcapng" to "application/octet-stream",
        )

        /** The address of [file], which must be one of a session's. */
        fun uri(file: File): Uri = Uri.Builder().scheme("content").authority(AUTHORITY)
            .appendPath(requireNotNull(file.parentFile).name).appendPath(file.name).build()

        /** The media type of [file]. */
        fun type(file: File): String = TYPES[file.name] ?: "application/octet-stream"
    }
}
