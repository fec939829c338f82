package org.telltale

import android.app.Application
import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executors
import org.telltale.engine.EngineFactory
import org.telltale.engine.RustEngine
import org.telltale.session.Analysis
import org.telltale.session.Session

/** The process: holds what outlives a screen and the service. May be created before the first unlock. */
class TelltaleApp : Application() {
    /** Opens engines; a test puts its own here before the first session. */
    @Volatile var engineFactory: EngineFactory = RustEngine.FACTORY

    // Of its own: a capture that takes minutes to read must not keep a session from closing its tunnel.
    private val ending = Executors.newSingleThreadExecutor { Thread(it, "session's end") }
    private val background = Executors.newSingleThreadExecutor { Thread(it, "background") }

    /** The session that runs, or ran last. */
    val session: Session by lazy {
        val main = Handler(Looper.getMainLooper())
        Session({ engineFactory }, ending, { millis, action -> main.postDelayed(action, millis) })
    }

    /** Reads recordings. */
    val analysis: Analysis by lazy { Analysis { engineFactory } }

    /** Runs [action], which may take long or touch files, off the main thread. */
    fun inBackground(action: () -> Unit) = background.execute(action)
}
