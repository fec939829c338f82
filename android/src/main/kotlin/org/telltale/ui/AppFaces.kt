package org.telltale.ui

import android.content.Context
import android.content.pm.PackageManager
import android.graphics.drawable.Drawable
import org.telltale.R
import org.telltale.engine.App

/** Names and icons of apps, by what the engine calls them. */
class AppFaces(private val context: Context) {
    /** [icon] is null for what is no installed app. */
    private class Face(val label: String, val icon: Drawable?)

    private val packages: PackageManager = context.packageManager
    private val faces = HashMap<String, Face>()

    /** What to call [app]. */
    fun label(app: App?): String = if (app == null) context.getString(R.string.nobody) else face(app.name).label

    /** The icon of [app], or one that stands for any. */
    fun icon(app: App?): Drawable? = app?.let { face(it.name).icon } ?: context.getDrawable(R.drawable.ic_app)?.apply {
        setTint(context.getColor(R.color.muted))
    }

    private fun face(name: String): Face = faces.getOrPut(name) {
        try {
            val info = packages.getApplicationInfo(name, 0)
            Face(info.loadLabel(packages).toString(), info.loadIcon(packages))
        } catch (missing: PackageManager.NameNotFoundException) {
            Face(name, null)
        }
    }
}
