package org.telltale.report

import android.content.Context
import java.io.File
import java.io.IOException
import java.time.Instant
import java.time.ZoneOffset
import java.time.format.DateTimeFormatter
import java.util.Locale

/**
 * The sessions on this phone, newest first. They lie in device-protected storage: a session may begin before the first
 * unlock, when nothing else can be written.
 */
class SessionStore(private val root: File) {
    constructor(context: Context) : this(File(context.createDeviceProtectedStorageContext().filesDir, "sessions"))

    /**
     * A new, empty folder for a session that begins [at].
     *
     * @throws IOException the storage cannot be written.
     */
    @Throws(IOException::class)
    fun create(at: Instant): SessionFiles {
        val name = NAME.format(at)
        // Two sessions may begin in one second, or the clock may have been set back.
        val dir = generateSequence(1) { it + 1 }
            .map { File(root, if (it == 1) name else "$name-$it") }
            .first { !it.exists() }
        if (!dir.mkdirs()) throw IOException("no folder for the session")
        return SessionFiles(dir)
    }

    /** Every session, newest first. */
    fun list(): List<SessionFiles> = root.listFiles { file: File -> file.isDirectory }.orEmpty()
        .sortedByDescending { it.name }
        .map(::SessionFiles)

    /** The session of that [name]; null when there is none. */
    fun find(name: String): SessionFiles? = list().firstOrNull { it.name == name }

    /** Removes a session with all its files. */
    fun delete(session: SessionFiles): Boolean = session.dir.deleteRecursively()

    /** Removes the oldest sessions until no more than [sessions] with [bytes] in all are left; the newest always stays. */
    fun trim(sessions: Int = MAX_SESSIONS, bytes: Long = MAX_BYTES) {
        var size = 0L
        list().forEachIndexed { index, session ->
            size += session.size()
            if (index > 0 && (index >= sessions || size > bytes)) delete(session)
        }
    }

    internal companion object {
        private const val MAX_SESSIONS = 50
        private const val MAX_BYTES = 1L shl 30

        /** How a session is named after the time it began at. */
        val NAME: DateTimeFormatter = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH-mm-ss", Locale.ROOT).withZone(ZoneOffset.UTC)
    }
}
