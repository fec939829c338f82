package org.telltale.report

import android.content.Intent
import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException
import java.time.Instant
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.telltale.app

@RunWith(RobolectricTestRunner::class)
class ReportFilesTest {
    private val store = SessionStore(app)
    private val resolver get() = app.contentResolver

    private fun session(at: String = "2026-11-24T08:00:00Z", size: Int = 10) = store.create(Instant.parse(at)).apply {
        write(Summary(ended = true))
        write("{}".toByteArray(), "<html>".toByteArray())
        recording.writeBytes(ByteArray(size))
    }

    @Test
    fun listsTheNewestFirst() {
        session("2026-11-24T08:00:00Z")
        session("2026-11-25T08:00:00Z")
        val again = session("2026-11-24T08:00:00Z")
        assertEquals("2026-11-24T08-00-00-2", again.name)
        assertEquals(Instant.parse("2026-11-24T08:00:00Z"), again.began)
        assertEquals(listOf("2026-11-25T08-00-00", "2026-11-24T08-00-00-2", "2026-11-24T08-00-00"), store.list().map { it.name })
        store.delete(again)
        assertEquals(2, store.list().size)
    }

    @Test
    fun staysWithinItsBounds() {
        repeat(4) { session("2026-11-24T08:00:0${it}Z", size = 1_000) }
        store.trim(sessions = 3)
        assertEquals(3, store.list().size)
        store.trim(bytes = 2_500)
        assertEquals(2, store.list().size)
        store.trim(bytes = 1)
        assertEquals("the newest stays", listOf("2026-11-24T08-00-03"), store.list().map { it.name })
    }

    @Test
    fun keepsItsSummary() {
        val summary = Summary("a.pcap", true, "REVOKED", true, 5, 3, 2, 1, "HIGH")
        val session = session().apply { write(summary) }
        assertEquals(summary, session.summary())
        File(session.dir, "meta").writeText("damaged")
        assertEquals(Summary(), session.summary())
    }

    @Test
    fun providesAFileByItsAddress() {
        val uri = ReportProvider.uri(session().html)
        assertEquals("content://org.telltale.reports/2026-11-24T08-00-00/report.html", uri.toString())
        assertEquals("<html>", resolver.openInputStream(uri)!!.use { it.readBytes().decodeToString() })
        assertEquals("text/html", resolver.getType(uri))
        resolver.query(uri, arrayOf(OpenableColumns.SIZE, OpenableColumns.DISPLAY_NAME, "other"), null, null, null)!!.use {
            assertTrue(it.moveToFirst())
            assertEquals(6L, it.getLong(0))
            assertEquals("telltale-2026-11-24T08-00-00-report.html", it.getString(1))
            assertTrue(it.isNull(2))
        }
    }

    @Test
    fun refusesWhatIsNoReport() {
        val session = session()
        File(session.dir.parentFile!!.parentFile, "secret").writeText("secret")
        listOf(
            "${session.name}/meta", "${session.name}/../secret", "../secret", "..%2Fsecret", "..%2F..%2Fshared_prefs/report.html",
            "${session.name}/..%2F..%2Fsecret", "%2E%2E/report.html", "none/report.html", session.name, "",
        ).forEach { path ->
            val uri = Uri.parse("content://org.telltale.reports/$path")
            assertThrows(path, FileNotFoundException::class.java) { resolver.openInputStream(uri) }
        }
    }

    @Test
    fun isReadOnlyAndNotExported() {
        val uri = ReportProvider.uri(session().html)
        assertThrows(SecurityException::class.java) { resolver.openFileDescriptor(uri, "rw") }
        assertThrows(UnsupportedOperationException::class.java) { resolver.delete(uri, null, null) }
        val provider = app.packageManager.resolveContentProvider("org.telltale.reports", 0)!!
        assertFalse(provider.exported)
        assertTrue(provider.grantUriPermissions)
    }

    @Test
    fun sharesWithLeaveForJustTheseFiles() {
        val session = session()
        val one = Share.send(listOf(session.html))
        assertEquals(Intent.ACTION_SEND, one.action)
        assertEquals("text/html", one.type)
        assertTrue(one.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION != 0)
        assertEquals(0, one.flags and Intent.FLAG_GRANT_WRITE_URI_PERMISSION)
        val all = Share.send(listOf(session.html, session.json, session.recording))
        assertEquals(Intent.ACTION_SEND_MULTIPLE, all.action)
        assertEquals("the grant follows the clip", 3, all.clipData!!.itemCount)
    }
}
