package org.telltale.session

import android.content.Context
import android.content.SharedPreferences
import android.os.UserManager
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.telltale.engine.WatchedValue

/**
 * The phone's own numbers that the user has typed in, to be looked for. They lie in credential-protected storage and
 * cannot be read before the first unlock.
 */
class WatchedValues(private val context: Context) {
    /** The values; none while the phone is locked. */
    fun get(): List<WatchedValue> = try {
        val json = JSONArray(store()?.getString(KEY, null) ?: "[]")
        List(json.length()) { json.getJSONObject(it) }.map { WatchedValue(it.getString("kind"), it.getString("value")) }
    } catch (damaged: JSONException) {
        emptyList()
    }

    /** Replaces them; without effect while the phone is locked. */
    fun set(values: List<WatchedValue>) {
        val json = JSONArray(values.map { JSONObject().put("kind", it.kind).put("value", it.value) })
        store()?.edit()?.putString(KEY, json.toString())?.apply()
    }

    private fun store(): SharedPreferences? {
        val unlocked = context.getSystemService(UserManager::class.java).isUserUnlocked
        return if (unlocked) context.getSharedPreferences("watched", Context.MODE_PRIVATE) else null
    }

    companion object {
        private const val KEY = "values"

        /** The kinds that can be given, words of the report's schema. */
        val KINDS = listOf(
            "imei", "imsi", "iccid", "msisdn", "mac", "serial", "android_id", "meid", "eid", "advertising_id", "gsf_id", "ssid", "bssid",
        )

        /** Whether the engine can look for [value]: shorter ones are found everywhere by chance. */
        fun usable(value: String): Boolean = value.count { it.isLetterOrDigit() } >= SHORTEST

        private const val SHORTEST = 6
    }
}
