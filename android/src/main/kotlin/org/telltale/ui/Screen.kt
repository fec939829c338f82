package org.telltale.ui

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Build
import android.view.View
import android.view.WindowInsets
import android.widget.Toast
import org.telltale.R
import org.telltale.SdkGuarded
import org.telltale.TelltaleApp

/** What all screens share: the process's objects, room for the system's bars, and a way back. */
abstract class Screen : Activity() {
    protected val app: TelltaleApp get() = application as TelltaleApp

    /** Shows [layout], which has a view `root`, and perhaps `back`. */
    protected fun show(layout: Int) {
        setContentView(layout)
        makeRoom(findViewById(R.id.root))
        findViewById<View>(R.id.back)?.setOnClickListener { finish() }
    }

    // From Android 15 on a window lies behind the system's bars; before, it ended at them.
    private fun makeRoom(root: View) {
        if (Build.VERSION.SDK_INT >= 30) root.setOnApplyWindowInsetsListener(::pad)
    }

    @SdkGuarded
    private fun pad(root: View, insets: WindowInsets): WindowInsets {
        val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout() or WindowInsets.Type.ime())
        root.setPadding(bars.left, bars.top, bars.right, bars.bottom)
        return WindowInsets.CONSUMED
    }

    /** Starts [intent], or says that no app can do that. */
    protected fun open(intent: Intent, request: Int? = null) = try {
        if (request == null) startActivity(intent) else startActivityForResult(intent, request)
    } catch (nobody: ActivityNotFoundException) {
        say(R.string.no_app)
    }

    /** A short message. */
    protected fun say(text: Int) = Toast.makeText(this, text, Toast.LENGTH_LONG).show()

    /** Runs [work] off the main thread and [then] on it, unless the screen is gone by then. */
    protected fun <T> load(work: () -> T, then: (T) -> Unit) = app.inBackground {
        val result = work()
        runOnUiThread { if (!isDestroyed) then(result) }
    }
}
