package org.telltale

import android.app.Application
import java.time.Duration
import org.robolectric.RuntimeEnvironment
import org.robolectric.shadows.ShadowLooper

/** The app under test. */
val app: TelltaleApp get() = RuntimeEnvironment.getApplication() as TelltaleApp

/** Runs the main thread until [condition] holds; fails after ten seconds. */
fun awaitMain(what: String, condition: () -> Boolean) {
    val deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos()
    while (true) {
        ShadowLooper.idleMainLooper(300, java.util.concurrent.TimeUnit.MILLISECONDS)
        if (condition()) return
        if (System.nanoTime() > deadline) throw AssertionError("not within ten seconds: $what")
        Thread.sleep(5)
    }
}

/** The string of that [id]. */
fun Application.text(id: Int, vararg arguments: Any): String = getString(id, *arguments)
