package org.telltale.session

import android.content.Context

/** The user's choices, in device-protected storage: some are needed before the first unlock. No value of the phone is here. */
class Settings(context: Context) {
    private val store = context.createDeviceProtectedStorageContext().getSharedPreferences("settings", Context.MODE_PRIVATE)

    /** Whether to begin watching by itself when the phone boots. */
    var watchFromBoot: Boolean
        get() = store.getBoolean("watch_from_boot", false)
        set(value) = store.edit().putBoolean("watch_from_boot", value).apply()

    /** The country the phone is at home in, ISO 3166-1 alpha-2 in capitals; null when not given. */
    var home: String?
        get() = store.getString("home", null)
        set(value) = store.edit().putString("home", value).apply()

    /** Whether the next session rehearses a failure; it is switched off as that session begins. */
    var drill: Boolean
        get() = store.getBoolean("drill", false)
        set(value) = store.edit().putBoolean("drill", value).apply()
}
