package org.telltale.engine

import java.time.Instant
import org.json.JSONException
import org.json.JSONObject

/** What the engine has to say while a session runs. */
sealed interface EngineEvent {
    /** The phone has entered [phase]. */
    data class PhaseEntered(val phase: Phase, val at: Instant) : EngineEvent

    /** A connection was opened, or more is known of it: the same id may come again. */
    data class FlowSeen(val flow: Flow) : EngineEvent

    /** Something was flagged, or more is known of it: the same id may come again. */
    data class Flagged(val finding: Finding) : EngineEvent

    /** The phone's connections suffer, or no longer do when [over]. [text] is English. */
    data class Trouble(val what: String, val count: Int, val over: Boolean, val text: String) : EngineEvent

    /** Watching goes on, but is no longer recorded. */
    data class RecordingFailed(val text: String) : EngineEvent

    /** The last event. [text] is English, null when there is nothing to say. */
    data class Ended(val why: End, val text: String?) : EngineEvent

    /** Why a session ended. */
    enum class End { STOPPED, TUN_FAILED, PANICKED }

    companion object {
        /** The event in UTF-8 [json]; null for a type that this version does not know, or one that cannot be read. */
        fun parse(json: ByteArray): EngineEvent? = try {
            parse(JSONObject(json.decodeToString()))
        } catch (malformed: JSONException) {
            null
        }

        private fun parse(json: JSONObject): EngineEvent? = when (json.getString("type")) {
            "phase" -> Phase.of(json.getString("phase"))?.let { PhaseEntered(it, json.instant("at")) }
            "flow" -> FlowSeen(parseFlow(json))
            "finding" -> Flagged(parseFinding(json))
            "trouble" -> Trouble(json.getString("what"), json.optInt("count"), json.optBoolean("over"), json.getString("text"))
            "recording_failed" -> RecordingFailed(json.getString("text"))
            "ended" -> Ended(end(json.getString("why")), json.textOrNull("text"))
            else -> null
        }

        // An end for a reason that is not known is still an end, and no good one.
        private fun end(why: String): End = End.entries.firstOrNull { it.name.equals(why, ignoreCase = true) } ?: End.PANICKED
    }
}
