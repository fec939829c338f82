package org.telltale.report

import java.io.File
import java.io.IOException
import java.time.Instant
import java.time.format.DateTimeParseException
import org.json.JSONException
import org.json.JSONObject

/** One session's folder: the recording and what was made of it. */
class SessionFiles(val dir: File) {
    /** The folder's name, which is the time the session began at, UTC: `2026-11-24T08-00-00`. */
    val name: String get() = dir.name
    val recording: File get() = File(dir, "recording.pcapng")
    val json: File get() = File(dir, "report.json")
    val html: File get() = File(dir, "report.html")

    /** When the session began, by the phone's clock; null when the folder was not named by this app. */
    val began: Instant?
        get() = try {
            SessionStore.NAME.parse(name.take(NAME_LENGTH), Instant::from)
        } catch (foreign: DateTimeParseException) {
            null
        }
    private val meta: File get() = File(dir, "meta")

    /** What is known of the session without reading its report. */
    fun summary(): Summary = try {
        Summary.parse(JSONObject(meta.readText()))
    } catch (missing: IOException) {
        Summary()
    } catch (damaged: JSONException) {
        Summary()
    }

    /** Replaces the summary. */
    @Throws(IOException::class)
    fun write(summary: Summary) = replace(meta, summary.toJson().toString().toByteArray())

    /** Replaces both reports. */
    @Throws(IOException::class)
    fun write(json: ByteArray, html: ByteArray) {
        replace(this.json, json)
        replace(this.html, html)
    }

    /** All bytes on the disk. */
    fun size(): Long = dir.listFiles().orEmpty().sumOf { it.length() }

    // A phone may be switched off at any moment: a file is either the old or the new one.
    private fun replace(file: File, bytes: ByteArray) {
        val next = File(dir, "${file.name}.new")
        next.writeBytes(bytes)
        if (!next.renameTo(file)) throw IOException("${file.name} cannot be replaced")
    }

    private companion object {
        const val NAME_LENGTH = 19
    }
}

/**
 * A session in a few words.
 *
 * @property ended false while it runs, and when the process died before its end.
 * @property failure why it ended early, a word; null when it was stopped.
 * @property values whether the phone's own values were looked for.
 * @property worst severity of the worst finding, a word; null for none.
 */
data class Summary(
    val source: String? = null,
    val ended: Boolean = false,
    val failure: String? = null,
    val values: Boolean = false,
    val flows: Int = 0,
    val readable: Int = 0,
    val encrypted: Int = 0,
    val findings: Int = 0,
    val worst: String? = null,
) {
    internal fun toJson(): JSONObject = JSONObject()
        .put("source", source).put("ended", ended).put("failure", failure).put("values", values)
        .put("flows", flows).put("readable", readable).put("encrypted", encrypted)
        .put("findings", findings).put("worst", worst)

    internal companion object {
        fun parse(json: JSONObject) = Summary(
            source = json.word("source"),
            ended = json.optBoolean("ended"),
            failure = json.word("failure"),
            values = json.optBoolean("values"),
            flows = json.optInt("flows"),
            readable = json.optInt("readable"),
            encrypted = json.optInt("encrypted"),
            findings = json.optInt("findings"),
            worst = json.word("worst"),
        )

        private fun JSONObject.word(name: String): String? = if (isNull(name)) null else optString(name)
    }
}
