package org.telltale.engine

import org.json.JSONArray
import org.json.JSONObject

/** A value of this phone to look for; [kind] is a word of the report's schema, such as `imei`. */
data class WatchedValue(val kind: String, val value: String) {
    /** Without the value: it must not reach a log. */
    override fun toString(): String = "WatchedValue($kind)"
}

/**
 * How a session is run.
 *
 * @property source names the session in its reports.
 * @property home the country the phone is at home in, ISO 3166-1 alpha-2; null when not given.
 * @property recording absolute path of the pcapng to write; null for none.
 * @property drill the engine fails at the first packet, so that a user can see what happens then.
 */
data class EngineConfig(
    val source: String,
    val home: String? = null,
    val watch: List<WatchedValue> = emptyList(),
    val mtu: Int? = null,
    val recording: String? = null,
    val drill: Boolean = false,
) {
    /** The configuration as UTF-8 JSON, as the engine reads it. */
    fun toJson(): ByteArray {
        val json = JSONObject().put("source", source).put("drill", drill)
        home?.let { json.put("home", it) }
        mtu?.let { json.put("mtu", it) }
        recording?.let { json.put("recording", it) }
        val values = watch.map { JSONObject().put("kind", it.kind).put("value", it.value) }
        return json.put("watch", JSONArray(values)).toString().toByteArray()
    }
}
