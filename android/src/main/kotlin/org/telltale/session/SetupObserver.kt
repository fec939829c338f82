package org.telltale.session

import android.content.ContentResolver
import android.database.ContentObserver
import android.os.Handler
import android.os.Looper
import android.provider.Settings.Global
import android.provider.Settings.Secure
import org.telltale.engine.Phase

/** Notices when the phone's set-up wizard has finished. */
class SetupObserver(private val resolver: ContentResolver, private val enter: (Phase) -> Unit) :
    ContentObserver(Handler(Looper.getMainLooper())) {
    private var done = isDone()

    /** Begins to look, unless the phone is set up already. */
    fun register() {
        if (done) return
        resolver.registerContentObserver(Secure.getUriFor(USER_SETUP_COMPLETE), false, this)
        resolver.registerContentObserver(Global.getUriFor(Global.DEVICE_PROVISIONED), false, this)
    }

    /** No longer looks. */
    fun unregister() = resolver.unregisterContentObserver(this)

    override fun onChange(selfChange: Boolean) {
        if (done || !isDone()) return
        done = true
        enter(Phase.SETUP_DONE)
    }

    private fun isDone(): Boolean = Global.getInt(resolver, Global.DEVICE_PROVISIONED, 1) == 1 && isUserSetUp()

    private fun isUserSetUp(): Boolean = try {
        Secure.getInt(resolver, USER_SETUP_COMPLETE, 1) == 1
    } catch (unreadable: SecurityException) {
        true
    }

    private companion object {
        // No constant of the public API, yet readable by every app.
        const val USER_SETUP_COMPLETE = "user_setup_complete"
    }
}
